"""From the columns of a table to tokens: a piecewise linear code for numbers, embeddings for categories.

Sources: Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning" (the code), and
Gorishniy et al. 2024, "TabM" (members that share their weights and differ by scales).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.modalities.table.settings import TableSettings
from noria.modalities.table.text_embedder import Texts
from noria.types import State, Tokens

FAR = 5.0  # spreads from the mean beyond which the linear part of a number's code stops growing


class TableEmbedder(nn.Module):
    """`numbers` float[B, a], `categories` int[B, b], texts -> Tokens: one a column, or one a member of the ensemble."""

    def __init__(self, settings: TableSettings, state: State, width: int) -> None:
        super().__init__()
        features = width if settings.stem == "columns" else settings.column_width
        edges = [spread["edges"] for spread in state["numbers"].values()]
        sizes = [len(known) + 2 for known in state["categories"].values()]
        seen = state.get("seen", {}).get("columns", {})
        unseen = [seen.get(name, {}).get("absent") == 0 for name in state["numbers"]]
        unlearnt = [[seen.get(name, {}).get(what) == 0 for what in ("rare", "absent")] for name in state["categories"]]
        self.numbers = Numbers(edges, features, unseen) if edges else None
        self.categories = Categories(sizes, features, unlearnt) if sizes else None
        texts = state.get("texts", {})
        self.texts = Texts(texts, features) if texts else None
        columns = len(edges) + len(sizes) + len(texts)
        self.members = None if settings.stem == "columns" else Members(columns * features, settings)
        self.width = features if self.members is None else settings.hidden

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        parts = []
        if self.numbers is not None:
            parts.append(self.numbers(arrays["numbers"]))
        if self.categories is not None:
            parts.append(self.categories(arrays["categories"]))
        if self.texts is not None:
            parts.append(self.texts(arrays))
        columns = torch.cat(parts, 1)
        return Tokens(columns if self.members is None else self.members(columns.flatten(1)))


class Bins(nn.Module):
    """float[B, a] -> [B, a, bins]: of each bin of a number 0 below it, 1 above it, the share that is reached within.

    Columns of fewer bins have ones that nothing reaches at their end.
    """

    low: Tensor
    size: Tensor

    def __init__(self, edges: list[list[float]]) -> None:
        super().__init__()
        self.count = max(len(one) for one in edges) - 1
        low, size = torch.full((len(edges), self.count), 1e9), torch.ones(len(edges), self.count)
        for column, one in enumerate(edges):
            low[column, : len(one) - 1] = torch.tensor(one[:-1])
            size[column, : len(one) - 1] = torch.tensor(np.diff(one)).float()
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("size", size, persistent=False)

    def forward(self, numbers: Tensor) -> Tensor:
        return ((numbers[:, :, None] - self.low) / self.size).clamp(0, 1)


class Numbers(nn.Module):
    """float[B, a] with NaN where missing -> [B, a, features].

    A column that was never missing in training (`unseen`) is read as its mean where it is: nothing else was learnt.
    """

    unseen: Tensor

    def __init__(self, edges: list[list[float]], features: int, unseen: Sequence[bool]) -> None:
        super().__init__()
        self.register_buffer("unseen", torch.tensor(unseen), persistent=False)
        self.bins = Bins(edges)
        self.slope = nn.Parameter(_uniform(len(edges), features))
        self.offset = nn.Parameter(_uniform(len(edges), features))
        self.pieces = nn.Parameter(torch.zeros(len(edges), self.bins.count, features))
        self.missing = nn.Parameter(torch.zeros(len(edges), features))

    def forward(self, numbers: Tensor) -> Tensor:
        is_missing = numbers.isnan()
        is_learnt = is_missing & ~self.unseen
        numbers = torch.where(is_missing, 0.0, numbers)
        code, clamped = (one.to(self.slope.dtype) for one in (self.bins(numbers), numbers.clamp(-FAR, FAR)))
        linear = clamped[:, :, None] * self.slope + self.offset
        features = linear + torch.einsum("nab,abd->nad", code, self.pieces)
        return torch.where(is_learnt[:, :, None], self.missing, features)


class Categories(nn.Module):
    """int[B, b] -> [B, b, features]: every column has its own rows of one table of embeddings.

    The first two rows of a column are "rare" and "missing". Where training showed none of them (`unlearnt`), they are
    the mean of the column's categories instead of what they began as.
    """

    start: Tensor
    is_mean: Tensor
    column: Tensor

    def __init__(self, sizes: list[int], features: int, unlearnt: Sequence[Sequence[bool]]) -> None:
        super().__init__()
        self.table = nn.Embedding(sum(sizes), features)
        nn.init.uniform_(self.table.weight, -(features**-0.5), features**-0.5)
        self.register_buffer("start", torch.tensor([0, *np.cumsum(sizes[:-1])]), persistent=False)
        is_mean = [row for size, both in zip(sizes, unlearnt, strict=True) for row in (*both, *[False] * (size - 2))]
        self.register_buffer("is_mean", torch.tensor(is_mean)[:, None], persistent=False)
        self.register_buffer("column", torch.repeat_interleave(torch.tensor(sizes)), persistent=False)
        self.sizes = sizes

    def forward(self, categories: Tensor) -> Tensor:
        weight = self.table.weight
        if not self.training:
            means = torch.stack(
                [rows[2:].mean(0) if len(rows) > 2 else rows.mean(0) for rows in weight.split_with_sizes(self.sizes)]
            )
            weight = torch.where(self.is_mean, means[self.column], weight)
        features: Tensor = functional.embedding(categories + self.start, weight)
        return features


class Members(nn.Module):
    """[B, inputs] -> [B, members, hidden]: one network whose members differ by scales before and after each layer."""

    def __init__(self, inputs: int, settings: TableSettings) -> None:
        super().__init__()
        widths = [inputs] + [settings.hidden] * settings.layers
        self.layers = nn.ModuleList(
            _Shared(wide, settings.hidden, settings.members, is_first=index == 0)
            for index, wide in enumerate(widths[:-1])
        )
        self.members, self.dropout = settings.members, settings.dropout

    def forward(self, features: Tensor) -> Tensor:
        features = features[:, None].expand(-1, self.members, -1)
        for layer in self.layers:
            features = functional.dropout(functional.relu(layer(features)), self.dropout, self.training)
        return features


class _Shared(nn.Module):
    """One matrix for all members; each scales what goes in and what comes out. Only the first starts them apart."""

    def __init__(self, inputs: int, outputs: int, members: int, is_first: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.before = nn.Parameter(torch.randn(members, inputs) if is_first else torch.ones(members, inputs))
        self.after = nn.Parameter(torch.ones(members, outputs))
        self.bias = nn.Parameter(inputs**-0.5 * (2 * torch.rand(outputs) - 1).repeat(members, 1))

    def forward(self, features: Tensor) -> Tensor:
        mixed: Tensor = self.linear(features * self.before)
        return mixed * self.after + self.bias


def _uniform(columns: int, features: int) -> Tensor:
    spread: float = features**-0.5
    return (2 * torch.rand(columns, features) - 1) * spread
