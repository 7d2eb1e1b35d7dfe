"""From pixels to tokens: normalise, vary (in training), then a convolution stem or patches.

A stem's settings are those of modalities/image.py. Every stem is a module float[B, C, H, W] -> float[B, T, D] with D as
its attribute `width`; `grid` says which part of the picture a token stands for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.model.variation import vary
from noria.nouns import State, Tokens

if TYPE_CHECKING:
    from noria.modalities.image import Image


class ImageEmbedder(nn.Module):
    """`pixels` uint8[B, H, W, C] -> Tokens. Varies the pictures while training."""

    mean: Tensor
    spread: Tensor

    def __init__(self, settings: Image, state: State, width: int) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("mean", 255 * torch.tensor(state["mean"]).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("spread", 255 * torch.tensor(state["spread"]).view(1, -1, 1, 1), persistent=False)
        self.stem = STEMS[settings.stem](settings, state, width)
        self.width = int(self.stem.width)  # type: ignore[arg-type]

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        pixels = (arrays["pixels"].permute(0, 3, 1, 2).float() - self.mean) / self.spread
        if self.training:
            pixels = vary(pixels, self.settings)
        return Tokens(self.stem(pixels))


class Reference(nn.Module):
    """The network that the project started from: two 3x3 convolutions, each pooled and rectified, then flattened.

    Pooling before ReLU is the same function as after it, on a quarter of the numbers.
    """

    def __init__(self, settings: Image, state: State, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(state["channels"], 32, 3)
        self.second = nn.Conv2d(32, 64, 3)
        sides = [((side - 2) // 2 - 2) // 2 for side in (state["height"], state["width"])]
        self.width = 64 * sides[0] * sides[1]

    def forward(self, pixels: Tensor) -> Tensor:
        features = functional.relu(functional.max_pool2d(self.first(pixels), 2))
        features = functional.relu(functional.max_pool2d(self.second(features), 2))
        return features.flatten(1).unsqueeze(1)


class Patches(nn.Module):
    """Cut the picture into squares and embed each, with a learnt position, as a vision Transformer does."""

    def __init__(self, settings: Image, state: State, width: int) -> None:
        super().__init__()
        self.cut = nn.Conv2d(state["channels"], width, settings.patch, settings.patch)
        rows, columns = state["height"] // settings.patch, state["width"] // settings.patch
        self.place = nn.Parameter(0.02 * torch.randn(rows * columns, width))
        self.width = width

    def forward(self, pixels: Tensor) -> Tensor:
        tokens: Tensor = self.cut(pixels).flatten(2).transpose(1, 2)
        return tokens + self.place


STEMS: dict[str, type[nn.Module]] = {"reference": Reference, "patches": Patches}


def grid(settings: Image, state: State) -> tuple[int, int]:
    """Return how many rows and columns of tokens a picture becomes."""
    if settings.stem == "patches":
        return state["height"] // settings.patch, state["width"] // settings.patch
    return 1, 1
