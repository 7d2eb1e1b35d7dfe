"""Which stage of a chain is to blame: the share of errors that go away when its outcome is replaced by the truth.

    right[:, 0]  the chain as it is
    right[:, k]  with the true outcome of stage k, whatever came before it; the last one is right by definition

What the truth of stage k mends beyond that of stage k - 1 is the fault of stage k. The shares add up to one; one may be
negative, where a wrong outcome does better than the true one. Knows no stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from noria.contract import Metric
from noria.types import Arrays

Right = Callable[[Arrays, Arrays], np.ndarray]  # outputs and true answers of n records -> float[n, 1 + stages]


def shares(right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return which share of the errors each stage is to blame for, float[R, stages]; NaN where there is no error.

    right float[n, 1 + stages], a row of which is NaN from where the truth is not known: such records are left out.
    """
    is_known = np.isfinite(right).all(1)
    known, counted = right[is_known], weights[:, is_known].astype(np.float64)
    errors = counted @ (1 - known[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        blamed = (counted @ np.diff(known, axis=1)) / errors[:, None]
    return np.asarray(np.where(errors[:, None] > 0, blamed, np.nan))


def budget_metrics(stages: Sequence[str], right: Right) -> tuple[Metric, ...]:
    """Return one score a stage, `errors_of_STAGE`, with the interval that every score has."""
    return tuple(_metric(stage, index, right) for index, stage in enumerate(stages))


def _metric(stage: str, index: int, right: Right) -> Metric:
    def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        return shares(right(output, truth), weights)[:, index]

    return Metric(f"errors_of_{stage}", "share of the errors", "lower", value)
