"""A wish as one token: what a small network makes of the ends of its ranges, and the substructures to be like."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.modalities.molecule.descriptors import NUM_SUBSTRUCTURES
from noria.modalities.molecule.properties import CELLS, PROPERTIES
from noria.types import PAD, Tokens


class WishEmbedder(nn.Module):
    """`ranges` float[B, properties, 2], `like` int[B, K] -> Tokens [B, 1, width].

    An end is told by how far each border between cells lies within the range, so that what is learnt of one end holds
    for those beside it: a table of cells, each learnt alone, was not followed after 2,000 steps.
    """

    borders: Tensor
    step: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        borders = [[one.low + cell * one.step for cell in range(CELLS + 1)] for one in PROPERTIES]
        self.register_buffer("borders", torch.tensor(borders), persistent=False)
        self.register_buffer("step", torch.tensor([[one.step] for one in PROPERTIES]), persistent=False)
        self.ends = nn.Sequential(nn.Linear(2 * self.borders.numel(), width), nn.GELU(), nn.Linear(width, width))
        self.like = nn.EmbeddingBag(NUM_SUBSTRUCTURES + 1, width, mode="sum", padding_idx=NUM_SUBSTRUCTURES)
        nn.init.zeros_(self.like.weight)

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        features = self.ends(self._reached(arrays["ranges"].float()).to(self.like.weight.dtype))
        like = functional.pad(arrays["like"].long(), (0, 1), value=PAD)  # so that no row is empty
        features = features + self.like(torch.where(like == PAD, NUM_SUBSTRUCTURES, like))
        return Tokens(features[:, None])

    def _reached(self, ranges: Tensor) -> Tensor:
        """Return float[B, 2 * properties * borders]: how many cells each border lies above an end, cut to -1 to 1."""
        above = (self.borders[:, None] - ranges[..., None]) / self.step[:, None]
        return above.clamp(-1, 1).flatten(1)
