"""From units to tokens: what is spoken, and its tone, each by a table of its own."""

from __future__ import annotations

from torch import Tensor, nn

from noria.contract.capabilities import IDS
from noria.types import PAD, Tokens


class SpokenTextEmbedder(nn.Module):
    """`ids` and `tones` int[B, T] -> Tokens. A tone that training has not shown with a final is known from others."""

    def __init__(self, num_units: int, num_tones: int, width: int) -> None:
        super().__init__()
        self.units, self.tones = nn.Embedding(num_units, width), nn.Embedding(num_tones, width)
        self.width = width

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        ids, tones = arrays[IDS].long(), arrays["tones"].long()
        return Tokens(self.units(ids.clamp_min(0)) + self.tones(tones.clamp_min(0)), ids != PAD)
