"""How well a vector finds its match: from both vectors, float[n, D], and the true matches.

The pool is all matches of the n records, equal ones counted once, and stays whole where records are drawn again.
"""

from __future__ import annotations

import numpy as np

from noria.contract import Metric, mean_metric
from noria.types import Arrays, Ragged

BLOCK = 1024  # queries compared at once


def retrieval_metrics(vector: str, match: str, *, truth: str) -> tuple[Metric, ...]:
    """Return the mean of 1 / the match's place, and how often it stands first and among the first ten.

    vector, match: the arrays of the output. truth: where the truth holds the matches, by which equal ones are known.
    """
    known = _Ranks(vector, match, truth)
    return (
        mean_metric("mean_reciprocal_rank", "fraction", "higher", lambda output, truth: 1 / known(output, truth)),
        mean_metric("recall_at_1", "fraction", "higher", lambda output, truth: (known(output, truth) <= 1) * 1.0),
        mean_metric("recall_at_10", "fraction", "higher", lambda output, truth: (known(output, truth) <= 10) * 1.0),
    )


def ranks(vectors: np.ndarray, matches: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return float[n]: the place, from 1, at which each vector finds its match; a tie counts half a place.

    codes int[n], 0 .. m - 1: matches of equal code are one.
    """
    pool = matches[np.unique(codes, return_index=True)[1]]
    found = np.empty(len(vectors))
    for start in range(0, len(vectors), BLOCK):
        similar = vectors[start : start + BLOCK] @ pool.T
        own = similar[np.arange(len(similar)), codes[start : start + BLOCK], None]
        found[start : start + BLOCK] = 1 + (similar > own).sum(1) + ((similar == own).sum(1) - 1) / 2
    return found


def codes_of(rows: Ragged | np.ndarray) -> np.ndarray:
    """Return int[n], 0 .. m - 1: equal rows have equal codes."""
    known: dict[bytes, int] = {}
    return np.array([known.setdefault(rows[i].tobytes(), len(known)) for i in range(len(rows))], np.int64)


class _Ranks:
    """Work out the ranks of one output once, however many metrics and resamples ask for them."""

    def __init__(self, vector: str, match: str, truth: str) -> None:
        self._vector, self._match, self._truth = vector, match, truth
        self._known: tuple[np.ndarray, Ragged | np.ndarray, np.ndarray] | None = None

    def __call__(self, output: Arrays, truth: Arrays) -> np.ndarray:
        vectors, rows = output[self._vector], truth[self._truth]
        if self._known is None or self._known[0] is not vectors or self._known[1] is not rows:
            self._known = vectors, rows, ranks(vectors, output[self._match], codes_of(rows))
        return self._known[2]
