"""Exact search: the vectors of a table that lie nearest, by blocks of it, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BLOCK = 2**16  # vectors that are compared at once: 4 MB of scores for 16 queries
Nearest = tuple[np.ndarray, np.ndarray]  # scores float[k], best first, and their places int64[k]


def nearest(
    table: np.ndarray, vectors: np.ndarray, count: int, left_out: Sequence[np.ndarray] | None = None
) -> list[Nearest]:
    """Return for each vector [q, D] the `count` rows of table [n, D] with the largest products.

    Of equal ones the first. left_out: for each vector the places that are no answer.
    """
    found = [(np.zeros(0, np.float32), np.zeros(0, np.int64)) for _ in vectors]
    for start in range(0, len(table), BLOCK):
        similar = vectors @ np.asarray(table[start : start + BLOCK]).T
        for index, own in enumerate(similar):
            if left_out is not None:
                closed = left_out[index]
                own[closed[(closed >= start) & (closed < start + len(own))] - start] = -np.inf
            scores, places = _best(own, count)
            known = found[index]
            scores, places = np.concatenate([known[0], scores]), np.concatenate([known[1], places + start])
            scores, order = _best(scores, count)
            found[index] = scores, places[order]
    if left_out is None:
        return found
    return [(scores[scores > -np.inf], places[scores > -np.inf]) for scores, places in found]


def _best(scores: np.ndarray, count: int) -> Nearest:
    """Return the highest scores, highest first, and their places; equal ones in their order."""
    places = np.arange(len(scores))
    if len(scores) > count:
        places = np.flatnonzero(scores >= np.partition(scores, -count)[-count])
    places = places[np.argsort(-scores[places], kind="stable")[:count]]
    return scores[places], places
