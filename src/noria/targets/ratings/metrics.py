"""Scores over all ratings of all users, whatever their number; an interval draws users, not ratings.

rating Ragged float32 of the output, _ratings Ragged float32 of the truth. Read next: target.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from noria.contract import Metric
from noria.types import Arrays, Panel

TRUE = "_ratings"
UNIT = "unit of the answer"


def rating_metrics() -> Sequence[Metric]:
    """Return RMSE and MAE; training selects by the first."""
    return (
        Metric("rmse", UNIT, "lower", _mean(np.square, np.sqrt)),
        Metric("mae", UNIT, "lower", _mean(np.abs, np.asarray)),
    )


def _mean(
    cost: Callable[[np.ndarray], np.ndarray], finished: Callable[[np.ndarray], np.ndarray]
) -> Callable[[Arrays, Arrays, np.ndarray], np.ndarray]:
    def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        rows, apart = errors(output, truth)
        count = weights.shape[1]
        with np.errstate(invalid="ignore"):
            summed = weights @ np.bincount(rows, cost(apart), count)
            return np.asarray(finished(summed / (weights @ np.bincount(rows, minlength=count))))

    return value


def errors(output: Arrays, truth: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Return of each known rating the record, and how far the answer lies above it."""
    true, given = truth[TRUE][:], output["rating"][:]
    rows = np.repeat(np.arange(len(true)), true.lengths)
    is_known = ~np.isnan(true.values)
    apart = np.asarray(given.values, np.float64) - np.asarray(true.values, np.float64)
    return rows[is_known], apart[is_known]


def by_known_before(output: Arrays, truth: Arrays, popularity: np.ndarray) -> Panel:
    """Return how far ratings are missed by how many training ratings an item has, and by how long the history is."""
    rows, apart = errors(output, truth)
    is_known = ~np.isnan(truth[TRUE][:].values)
    items = np.asarray(output["asked"][:].values)[is_known]
    seen = np.where(items < len(popularity), popularity[np.minimum(items, len(popularity) - 1)], 0)
    table = []
    for what, counts in (("ratings of the item", seen), ("events of the user", np.asarray(output["events"])[rows])):
        for low, high in ((0, 1), (1, 10), (10, 100), (100, np.inf)):
            own = (counts >= low) & (counts < high)
            if own.any():
                name = f"{what}: {_named(low, high)}"
                table.append([name, int(own.sum()), *(round(float(one), 4) for one in (
                    np.sqrt(np.square(apart[own]).mean()), np.abs(apart[own]).mean(), apart[own].mean()))])  # fmt: skip
    columns = ["in training", "ratings", "rmse", "mae", "mean of answer less truth"]
    return Panel("table", "By how much is known", {"columns": columns, "rows": table})


def _named(low: int, high: float) -> str:
    return f"{low} and more" if high == np.inf else f"{low}" if high == low + 1 else f"{low} to {int(high) - 1}"
