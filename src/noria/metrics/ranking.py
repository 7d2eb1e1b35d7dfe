"""How well scores set positive records above the others: the areas under two curves, for many weighted sets at once.

Knows no answer. weights float[R, n] are as in contract/metric.py.
"""

from __future__ import annotations

import numpy as np


def roc_auc(scores: np.ndarray, is_positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve, float[R]: Mann-Whitney U over the pairs, ties counted half.

    NaN where all records of a set are of one kind.
    """
    positive, negative = _by_score(scores, is_positive, weights)
    below = negative.cumsum(1) - negative / 2
    with np.errstate(invalid="ignore"):
        return np.asarray((positive * below).sum(1) / (positive.sum(1) * negative.sum(1)))


def average_precision(scores: np.ndarray, is_positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean precision at each positive record, from the highest score down, float[R]; NaN without any."""
    positive, negative = (one[:, ::-1] for one in _by_score(scores, is_positive, weights))
    found, taken = positive.cumsum(1), (positive + negative).cumsum(1)
    precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
    with np.errstate(invalid="ignore"):
        return np.asarray((precision * positive).sum(1) / positive.sum(1))


def _by_score(scores: np.ndarray, is_positive: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of positive and of other records for each different score, ascending."""
    order = np.argsort(scores, kind="stable")
    weights, is_positive = np.asarray(weights, np.float64)[:, order], is_positive[order]
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)  # of each run of equal scores
    return tuple(np.add.reduceat(weights * kind, starts, axis=1) for kind in (is_positive, ~is_positive))  # type: ignore[return-value]
