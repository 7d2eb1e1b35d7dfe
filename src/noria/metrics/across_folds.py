"""A score over records that several models answered, one part each, where it cannot be worked out on all in one.

What is a mean over records stays one; any other score is worked out within each part and averaged by its records.
Read next: intervals.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noria.contract import Metric
from noria.types import Arrays

Part = tuple[Metric, Arrays, Arrays]  # one model's own score, its outputs, and the truth


def across_folds(parts: Sequence[Part], counts: Sequence[int]) -> Metric:
    """Return one score of several parts, of so many records each; it is given weights alone, float[R, all records]."""
    first, ends = parts[0][0], np.cumsum(counts)[:-1]

    def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        drawn = np.split(weights, ends, axis=1)
        each = np.stack([_within(part, own) for part, own in zip(parts, drawn, strict=True)])
        shares = np.where(np.isfinite(each), np.stack([own.sum(1) for own in drawn]), 0)
        total = shares.sum(0)
        mean = (np.where(shares > 0, each, 0) * shares).sum(0) / np.where(total > 0, total, 1)
        return np.asarray(np.where(total > 0, mean, np.nan))

    def scores(output: Arrays, truth: Arrays) -> np.ndarray:
        return np.concatenate([_scores(part) for part in parts])

    def support(output: Arrays, truth: Arrays) -> float:
        own = zip(parts, counts, strict=True)
        return sum(count if one[0].support is None else one[0].support(one[1], one[2]) for one, count in own)

    is_mean = all(metric.scores is not None for metric, _, _ in parts)
    return Metric(first.name, first.unit, first.direction, value, scores if is_mean else None, support=support)


def _within(part: Part, weights: np.ndarray) -> np.ndarray:
    """Return the score of one part for each of R draws; NaN for one in which no record of it was drawn."""
    metric, output, truth = part
    found, is_drawn = np.full(len(weights), np.nan), weights.any(1)
    if is_drawn.any():
        found[is_drawn] = metric.value(output, truth, weights[is_drawn])
    return found


def _scores(part: Part) -> np.ndarray:
    metric, output, truth = part
    assert metric.scores is not None
    return np.asarray(metric.scores(output, truth), np.float64)
