"""A score of an answer: its unit, its direction, and how it is worked out on weighted records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from noria.types import Arrays


@dataclass(frozen=True)
class Metric:
    """A score with a unit and a direction.

    value(output, truth, weights): the scores of R weighted sets of the same n records at once, weights float[R, n] ->
    float[R]; a row of ones is the set itself, rows of counts are its bootstrap resamples. NaN means "cannot be computed
    here" and is written as null.
    scores(output, truth): where the score is a mean over records, each record's own, float[n]; `mean_metric` makes
    such a metric.
    noise(output, truth, weights): where chance alone lifts the score above its true value, what it makes of a true
    value of nothing, float[R]; the interval is then corrected for it.
    support(output, truth): how many records a fraction rests on, where that is not all of them: a perfect score of few
    says little.
    untold(output, truth): where there is no value, why not; empty where nothing is to be said.
    follows_loss: whether it can only gain where the loss falls; novelty cannot: what is learnt by heart is not new.
    is_ranking: whether records are set against one another by numbers that mean something within one model alone: those
    of several models are never scored in one.
    """

    name: str
    unit: str
    direction: Literal["higher", "lower"]
    value: Callable[[Arrays, Arrays, np.ndarray], np.ndarray]
    scores: Callable[[Arrays, Arrays], np.ndarray] | None = None
    noise: Callable[[Arrays, Arrays, np.ndarray], np.ndarray] | None = None
    support: Callable[[Arrays, Arrays], float] | None = None
    untold: Callable[[Arrays, Arrays], str] | None = None
    is_ranking: bool = False
    follows_loss: bool = True


def mean_metric(
    name: str, unit: str, direction: Literal["higher", "lower"], scores: Callable[[Arrays, Arrays], np.ndarray]
) -> Metric:
    """Return the metric that is the mean of a score per record."""

    def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        return np.asarray(weights @ scores(output, truth) / weights.sum(1))

    return Metric(name, unit, direction, value, scores)
