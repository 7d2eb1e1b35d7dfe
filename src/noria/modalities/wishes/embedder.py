"""A wish as one token: the sum of what the ends of its ranges and the substructures to be like are embedded as."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.modalities.molecule.descriptors import NUM_SUBSTRUCTURES
from noria.modalities.molecule.properties import CELLS, PROPERTIES
from noria.types import PAD, Tokens

SLACK = 1e-3  # of a cell, so that an end on its border is not moved on by rounding


class WishEmbedder(nn.Module):
    """`ranges` float[B, properties, 2], `like` int[B, K] -> Tokens [B, 1, width]."""

    low: Tensor
    step: Tensor
    start: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        count = 2 * len(PROPERTIES)
        self.register_buffer("low", torch.tensor([[one.low] for one in PROPERTIES]), persistent=False)
        self.register_buffer("step", torch.tensor([[one.step] for one in PROPERTIES]), persistent=False)
        self.register_buffer("start", (CELLS + 1) * torch.arange(count), persistent=False)
        self.ends = nn.Embedding(count * (CELLS + 1), width)
        nn.init.normal_(self.ends.weight, std=count**-0.5)
        self.like = nn.EmbeddingBag(NUM_SUBSTRUCTURES + 1, width, mode="sum", padding_idx=NUM_SUBSTRUCTURES)
        nn.init.zeros_(self.like.weight)

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        features = self.ends(self._cells(arrays["ranges"]).flatten(1) + self.start).sum(1)
        like = functional.pad(arrays["like"].long(), (0, 1), value=PAD)  # so that no row is empty
        features = features + self.like(torch.where(like == PAD, NUM_SUBSTRUCTURES, like))
        return Tokens(features[:, None])

    def _cells(self, ranges: Tensor) -> Tensor:
        """Return int64[B, properties, 2]: the cell in which each range begins, and that before which it ends."""
        places = (ranges.float() - self.low) / self.step
        first = (places[..., 0] + SLACK).floor().clamp(0, CELLS - 1)
        last = torch.maximum((places[..., 1] - SLACK).ceil().clamp(1, CELLS), first + 1)
        return torch.stack([first, last], -1).long()
