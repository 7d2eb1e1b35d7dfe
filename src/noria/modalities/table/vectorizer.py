"""The columns of a table as a linear model reads them: numbers, what is missing, categories; then the bins of numbers.

Read next: embedder.py, whose network reads the same arrays; noria/training/rivals/, which fits the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from noria.modalities.table.embedder import FAR, Bins
from noria.types import Features, State

MOST_BINS = 16  # of a number: a linear model learns each bin from the records in it


class TableVectorizer(nn.Module):
    """`numbers` float[B, a] and `categories` int[B, b] -> Features.

    size: a numbers, a flags of missing ones, a row of flags for each category; these are `plain`. Then the bins, from 0
    below to 1 above each, as in a piecewise linear code.
    """

    is_counts = False
    start: Tensor

    def __init__(self, state: State) -> None:
        super().__init__()
        edges = [_fewer(spread["edges"]) for spread in state["numbers"].values()]
        sizes = [len(known) + 2 for known in state["categories"].values()]
        self.columns = len(edges)
        starts = 2 * self.columns + np.cumsum([0, *sizes])
        self.register_buffer("start", torch.tensor(starts[:-1], dtype=torch.int64), persistent=False)
        self.plain = int(starts[-1])
        self.bins = Bins(edges) if edges else None
        self.size = self.plain + (self.columns * self.bins.count if self.bins is not None else 0)

    def forward(self, arrays: dict[str, Tensor]) -> Features:
        categories = arrays["categories"].long() + self.start
        flags = torch.ones(categories.shape, device=categories.device)
        if self.bins is None:
            return Features(categories, flags)
        numbers = arrays["numbers"]
        is_missing = numbers.isnan()
        numbers = torch.where(is_missing, 0.0, numbers)
        code = (self.bins(numbers) * ~is_missing[:, :, None]).flatten(1)
        values = [numbers.clamp(-FAR, FAR), is_missing.to(numbers.dtype), flags, code]
        count = 2 * self.columns
        ids = [torch.arange(count), torch.arange(self.plain, self.size)]
        dense, bins = (one.to(numbers.device).expand(len(numbers), -1) for one in ids)
        return Features(torch.cat((dense, categories, bins), 1), torch.cat(values, 1))


def _fewer(edges: Sequence[float]) -> list[float]:
    """Return at most MOST_BINS bins: every so many of the edges."""
    places = np.linspace(0, len(edges) - 1, min(len(edges), MOST_BINS + 1)).round().astype(int)
    return [edges[place] for place in places]
