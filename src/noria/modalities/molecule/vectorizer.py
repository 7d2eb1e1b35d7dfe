"""Descriptors and substructures of a molecule as simple models read them: a linear model, and trees."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from noria.modalities.molecule.descriptors import NUM_SUBSTRUCTURES
from noria.modalities.molecule.embedder import FAR
from noria.types import PAD, Features, State


class MoleculeVectorizer(nn.Module):
    """`descriptors`, `substructures` and `occurrences` -> Features; the descriptors, which stand first, are plain."""

    is_counts = False

    def __init__(self, state: State) -> None:
        super().__init__()
        self.plain = len(state["descriptors"])
        self.size = self.plain + NUM_SUBSTRUCTURES

    def forward(self, arrays: dict[str, Tensor]) -> Features:
        descriptors = arrays["descriptors"].float().nan_to_num(0.0).clamp(-FAR, FAR)
        places = torch.arange(self.plain, device=descriptors.device).expand_as(descriptors)
        ids = arrays["substructures"].long()
        counts = torch.where(ids == PAD, 0.0, arrays["occurrences"].float()).log1p()
        ids = torch.where(ids == PAD, 0, ids) + self.plain
        return Features(torch.cat([places, ids], 1), torch.cat([descriptors, counts], 1))


class MoleculeTabulator(nn.Module):
    """`descriptors`, `substructures` and `occurrences` -> the descriptors, then how often each substructure occurs."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.is_code = [False] * (len(state["descriptors"]) + NUM_SUBSTRUCTURES)

    def forward(self, arrays: dict[str, Tensor]) -> Tensor:
        ids, descriptors = arrays["substructures"].long(), arrays["descriptors"].float()
        occurrences = torch.where(ids == PAD, 0.0, arrays["occurrences"].float())
        counts = descriptors.new_zeros(ids.shape[0], NUM_SUBSTRUCTURES)
        return torch.cat([descriptors, counts.scatter_add(1, ids.clamp_min(0), occurrences)], 1)
