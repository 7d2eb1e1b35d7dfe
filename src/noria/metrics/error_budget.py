"""Which stage of a chain is to blame: the share of errors that go away when its outcome is replaced by the truth.

    right[:, 0]  the chain as it is
    right[:, k]  with the true outcome of stage k, whatever came before it; the last one is right by definition

What the truth of stage k mends beyond that of stage k - 1 is the fault of stage k. The shares add up to one; one may be
negative, where a wrong outcome does better than the true one. A stage whose truth no record knows has no share: its
errors count for the next one of which it is known. Knows no stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from noria.contract import Metric
from noria.types import Arrays

Right = Callable[[Arrays, Arrays], np.ndarray]  # outputs and true answers of n records -> float[n, 1 + stages]


def shares(right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return which share of the errors each stage is to blame for, float[R, stages]; NaN where there is no error.

    right float[n, 1 + stages], NaN where the truth is not known: of a stage whose truth others know, such records are
    left out; a stage of which nobody knows it has NaN.
    """
    is_told = told(right)
    is_known = np.isfinite(right[:, is_told]).all(1)
    known, counted = right[is_known][:, is_told], weights[:, is_known].astype(np.float64)
    found = np.full((len(weights), right.shape[1] - 1), np.nan)
    errors = counted @ (1 - known[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        blamed = (counted @ np.diff(known, axis=1)) / errors[:, None]
    found[:, is_told[1:]] = np.where(errors[:, None] > 0, blamed, np.nan)
    return found


def told(right: np.ndarray) -> np.ndarray:
    """Return bool[1 + stages], of which stages any record knows the truth; the chain as it is stands first."""
    return np.asarray(np.isfinite(right).any(0) | (np.arange(right.shape[1]) == 0))


def budget_metrics(stages: Mapping[str, str], right: Right) -> tuple[Metric, ...]:
    """Return one score a stage, `errors_of_STAGE`, with the interval that every score has.

    stages: by name, what is to be given so that a stage's errors can be told.
    """
    return tuple(_metric(stage, needed, index, right) for index, (stage, needed) in enumerate(stages.items()))


def _metric(stage: str, needed: str, index: int, right: Right) -> Metric:
    def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        return shares(right(output, truth), weights)[:, index]

    def untold(output: Arrays, truth: Arrays) -> str:
        found = right(output, truth)
        return "no errors to share out" if told(found)[1 + index] else f"no {needed} given"

    return Metric(f"errors_of_{stage}", "share of the errors", "lower", value, untold=untold)
