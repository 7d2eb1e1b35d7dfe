"""The columns of a table as simple models read them.

Trees: numbers and categories as they are. A linear model: numbers, what is missing, categories, texts; then bins.

Read next: embedder.py, whose network reads the same arrays; noria/training/rivals/, which fits the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from noria.modalities.table.embedder import FAR, Bins
from noria.modalities.table.text_embedder import Rarity
from noria.modalities.table.texts import places_name
from noria.text.ngrams import Ngrams
from noria.types import Features, State

MOST_BINS = 16  # of a number: a linear model learns each bin from the records in it


class TableVectorizer(nn.Module):
    """`numbers` float[B, a], `categories` int[B, b] and texts int[B, T] -> Features.

    size: a numbers, a flags of missing ones, a row of flags for each category, the runs of each text by how rare they
    are; these are `plain`. Then the bins, from 0 below to 1 above each, as in a piecewise linear code.
    """

    is_counts = False
    start: Tensor

    def __init__(self, state: State) -> None:
        super().__init__()
        edges = [_fewer(spread["edges"]) for spread in state["numbers"].values()]
        sizes = [len(known) + 2 for known in state["categories"].values()]
        self.texts = nn.ModuleList(Rarity(Ngrams(**one)) for one in state.get("texts", {}).values())
        self.columns = len(edges)
        starts = 2 * self.columns + np.cumsum([0, *sizes])
        self.register_buffer("start", torch.tensor(starts[:-1], dtype=torch.int64), persistent=False)
        self.before_texts = int(starts[-1])
        self.plain = self.before_texts + sum(int(one.size) for one in self.texts)  # type: ignore[arg-type, misc]
        self.bins = Bins(edges) if edges else None
        self.size = self.plain + (self.columns * self.bins.count if self.bins is not None else 0)

    def forward(self, arrays: dict[str, Tensor]) -> Features:
        categories = arrays["categories"].long() + self.start
        parts = [Features(categories, torch.ones_like(categories, dtype=torch.float32))]
        start = self.before_texts
        for index, rarity in enumerate(self.texts):
            places, weights = rarity(arrays[places_name(index)])
            parts.append(Features(places + start, weights))
            start += int(rarity.size)  # type: ignore[arg-type]
        if self.bins is not None:
            parts += self._numbers(arrays["numbers"], self.bins)
        return Features(*(torch.cat(one, 1) for one in zip(*parts, strict=True)))

    def _numbers(self, numbers: Tensor, bins: Bins) -> list[Features]:
        """Return the numbers, what is missing of them, and their bins."""
        is_missing = numbers.isnan()
        numbers = torch.where(is_missing, 0.0, numbers)
        code = (bins(numbers) * ~is_missing[:, :, None]).flatten(1)
        values = [numbers.clamp(-FAR, FAR), is_missing.to(numbers.dtype), code]
        starts = (0, self.columns, self.plain)
        return [
            Features(torch.arange(start, start + one.shape[1], device=one.device).expand_as(one), one)
            for start, one in zip(starts, values, strict=True)
        ]


class TableTabulator(nn.Module):
    """`numbers` float[B, a], `categories` int[B, b] -> float32[B, a + b], as they are."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.is_code = [False] * len(state["numbers"]) + [True] * len(state["categories"])

    def forward(self, arrays: dict[str, Tensor]) -> Tensor:
        return torch.cat([arrays["numbers"].float(), arrays["categories"].float()], 1)


def _fewer(edges: Sequence[float]) -> list[float]:
    """Return at most MOST_BINS bins: every so many of the edges."""
    places = np.linspace(0, len(edges) - 1, min(len(edges), MOST_BINS + 1)).round().astype(int)
    return [edges[place] for place in places]
