"""The pixels of a small copy of a picture, for a linear model or a nearest template."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.modalities.image.arrays import PIXELS
from noria.types import Features, State

SIDE = 16  # pixels of the copy at most: a linear model learns little more from finer ones


class PictureVectorizer(nn.Module):
    """`pixels` [B, H, W, C], 0 to 255 -> Features: the values of a copy of at most SIDE x SIDE pixels, -1 to 1."""

    is_counts = False

    def __init__(self, state: State) -> None:
        super().__init__()
        self.sides = min(SIDE, state["height"]), min(SIDE, state["width"])
        self.size = self.plain = self.sides[0] * self.sides[1] * state["channels"]

    def forward(self, arrays: dict[str, Tensor]) -> Features:
        pixels = arrays[PIXELS].float().permute(0, 3, 1, 2) / 127.5 - 1
        values = functional.adaptive_avg_pool2d(pixels, self.sides).flatten(1)
        return Features(torch.arange(self.size, device=values.device).expand_as(values), values)
