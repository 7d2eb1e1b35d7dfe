"""From the words of a table's cells to one vector a column: the sum of what each run of words or characters means.

Source: Joulin et al. 2016, "Bag of Tricks", https://arxiv.org/abs/1607.01759. Read next: modalities/table/texts.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.modalities.table.texts import SPECIAL, places_name
from noria.text.ngrams import Ngrams

# The runs of a text say the same many times over: most are left out in training, and their vectors are learnt more
# slowly than the rest of the network, else they are known by heart before numbers are learnt. Chosen on validation
# splits of sentences beside numbers and of Chinese reviews, among 0.5, 0.8 and 0.9, and 0.05, 0.2 and 1.
DROPPED, SCALE = 0.8, 0.2


class Texts(nn.Module):
    """`text0`, `text1`, ... int[B, T], PAD where a row has ended -> [B, columns, features]."""

    def __init__(self, learnt: Mapping[str, Mapping[str, Any]], features: int) -> None:
        super().__init__()
        self.columns = nn.ModuleList(_Bag(Ngrams(**one), features) for one in learnt.values())

    def forward(self, arrays: dict[str, Tensor]) -> Tensor:
        return torch.stack([bag(arrays[places_name(index)]) for index, bag in enumerate(self.columns)], 1)


class Rarity(nn.Module):
    """Places of runs int[B, T] -> places and weights float[B, T], by how rare a run is, of length one together; padding
    has no weight."""

    weights: Tensor

    def __init__(self, ngrams: Ngrams) -> None:
        super().__init__()
        weights = torch.cat([torch.ones(SPECIAL), torch.tensor(ngrams.weights)])
        self.register_buffer("weights", weights, persistent=False)
        self.size = len(weights)

    def forward(self, places: Tensor) -> tuple[Tensor, Tensor]:
        is_real, places = places >= 0, places.long().clamp(0)
        return places, functional.normalize(torch.where(is_real, self.weights[places], 0.0), dim=1)


class _Bag(nn.Module):
    """int[B, T] -> [B, features]: the sum of the runs' vectors, weighted by how rare they are.

    Vectors begin at zero: what training never showed says nothing.
    """

    def __init__(self, ngrams: Ngrams, features: int) -> None:
        super().__init__()
        self.rarity = Rarity(ngrams)
        self.table = nn.Parameter(torch.zeros(len(ngrams.keys) + SPECIAL, features))
        self.offset = nn.Parameter(features**-0.5 * (2 * torch.rand(features) - 1))

    def forward(self, places: Tensor) -> Tensor:
        places, weights = self.rarity(places)
        weights = functional.dropout(weights, DROPPED, self.training)
        summed = functional.embedding_bag(places, self.table, per_sample_weights=weights, mode="sum")
        return self.offset + SCALE * summed
