"""Histories as tokens for the network, and as weighed items for a linear model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from noria.modalities.items.arrays import GAPS, ITEMS, LEVELS, NUM_GAPS
from noria.modalities.items.catalogue import ITEM, USER, Catalogue
from noria.types import PAD, Features, Tokens


class AttributeTable(nn.Module):
    """The sum of the vectors of an item's attributes: codes int[...] of items -> float[..., width].

    The last row, of an unknown item, has none.
    """

    codes: Tensor

    def __init__(self, catalogue: Catalogue, width: int) -> None:
        super().__init__()
        rows = catalogue.attributes_of_items()
        padded = torch.from_numpy(rows.padded()).long()
        count = len(catalogue.attributes(ITEM))
        padded = torch.cat([padded, torch.full((1, padded.shape[1]), PAD)])
        self.register_buffer("codes", torch.where(padded == PAD, count, padded), persistent=False)
        self.vectors = nn.Embedding(count + 1, width, padding_idx=count)
        nn.init.zeros_(self.vectors.weight)

    def forward(self, items: Tensor) -> Tensor:
        summed: Tensor = self.vectors(self.codes[items]).sum(-2)
        return summed


class HistoryEmbedder(nn.Module):
    """{items, gaps, levels, user} -> Tokens [B, 1 + T, width]: who it is, then the events.

    An event is the sum of what its item, the item's attributes, the rating and the time since the one before say. Where
    it is asked for it is two tokens, [B, 1 + 2 T, width]: the first has no rating.
    """

    def __init__(
        self, catalogue: Catalogue, width: int, reads_gaps: bool, reads_ratings: bool, asks: bool = False
    ) -> None:
        super().__init__()
        self.asks = asks
        self.width = width
        self.items = nn.Embedding(catalogue.size + 1, width)
        self.begin = nn.Parameter(torch.empty(width))
        for weight in (self.items.weight, self.begin):
            nn.init.normal_(weight, std=0.5 * width**-0.5)
        has = catalogue.attributes
        self.attributes = AttributeTable(catalogue, width) if has(ITEM) else None
        self.user = nn.Embedding(len(has(USER)), width) if has(USER) else None
        self.gaps = nn.Embedding(NUM_GAPS, width) if reads_gaps else None
        self.levels = nn.Embedding(len(catalogue.levels) + 1, width) if reads_ratings and catalogue.levels else None
        for table in (self.user, self.gaps, self.levels):
            if table is not None:
                nn.init.zeros_(table.weight)

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        if self.asks:
            arrays = asked_first(arrays)
        items = arrays["items"].long()
        is_event = items != PAD
        events = items.clamp_min(0)
        features = self.items(events)
        if self.attributes is not None:
            features = features + self.attributes(events)
        for name, table in (("gaps", self.gaps), ("levels", self.levels)):
            if table is not None:
                features = features + table(arrays[name].long().clamp_min(0))
        first = self.begin.expand(len(items), 1, -1)
        if self.user is not None:
            codes = arrays["user"].long()
            is_known = (codes != PAD).to(features.dtype)[..., None]
            first = first + (self.user(codes.clamp_min(0)) * is_known).sum(1, keepdim=True)
        is_real = torch.cat([torch.ones_like(is_event[:, :1]), is_event], 1) if is_event.shape[1] else None
        return Tokens(
            torch.cat([first, features], 1),
            torch.ones_like(first[..., 0], dtype=torch.bool) if is_real is None else is_real,
        )


def asked_first(arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the arrays with each event twice, the first without its rating: what is asked, then how it went."""
    twice = {name: arrays[name].repeat_interleave(2, 1) for name in (ITEMS, GAPS, LEVELS)}
    is_question = torch.arange(twice[LEVELS].shape[1], device=twice[LEVELS].device) % 2 == 0
    return {**arrays, **twice, LEVELS: twice[LEVELS].masked_fill(is_question, 0)}


class HistoryFeatures(nn.Module):
    """{items} -> Features: each item of a history, weighed by how many events are newer. For a linear model."""

    is_counts = False

    def __init__(self, size: int, decay: float) -> None:
        super().__init__()
        self.size = self.plain = size + 1
        self.decay = decay

    def forward(self, arrays: dict[str, Tensor]) -> Features:
        items = arrays["items"].long()
        is_event = (items != PAD) & (items < self.size - 1)
        newer = is_event.flip(1).cumsum(1).flip(1) - 1
        values = is_event * self.decay ** newer.float()
        ids = torch.where(is_event, items, self.size - 1)
        if not items.shape[1]:  # no event at all: an embedding bag needs one
            ids, values = ids.new_full((len(ids), 1), self.size - 1), values.new_zeros(len(ids), 1)
        return Features(ids, values)
