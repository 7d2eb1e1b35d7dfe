"""Encoded ratings as plain rows: who rated what how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from noria.modalities.items.arrays import ITEMS, LEVELS, ONLY
from noria.targets.ratings.metrics import TRUE
from noria.types import Arrays, Ragged


@dataclass(frozen=True)
class Known:
    """Ratings: of which record, of which item, int64[n], and how high, float64[n]."""

    users: np.ndarray
    items: np.ndarray
    ratings: np.ndarray

    @classmethod
    def of_answers(cls, target: Mapping[str, Any]) -> Known:
        """Return the true answers of encoded records, those that are known."""
        items, ratings = target["items"][:], target[TRUE][:]
        is_known = ~np.isnan(ratings.values)
        users = np.repeat(np.arange(len(items)), items.lengths)
        return cls(users[is_known], items.values[is_known].astype(np.int64), ratings.values[is_known].astype(float))


def asked_items(arrays: Arrays) -> Ragged:
    """Return the items that histories ask for."""
    asked: Ragged = arrays[ONLY][:]
    return Ragged(asked.values, asked.offsets - asked.offsets[0])


def known_ratings(arrays: Arrays, asked: Ragged, levels: np.ndarray) -> Known:
    """Return the ratings of histories, without those of items that are asked for."""
    items, found = arrays[ITEMS][:], arrays[LEVELS][:].values
    users = np.repeat(np.arange(len(items)), items.lengths)
    most = int(max(items.values.max(initial=0), asked.values.max(initial=0))) + 1
    own = np.repeat(np.arange(len(asked)), asked.lengths) * most + asked.values
    is_known = (found > 0) & ~np.isin(users * most + items.values, own)
    rated = levels[np.maximum(found[is_known].astype(np.int64) - 1, 0)]
    return Known(users[is_known], items.values[is_known].astype(np.int64), rated)
