"""A score over the records of several models: the mean where it is one, else the folds' own, by their records."""

from __future__ import annotations

import numpy as np
import pytest

from noria.contract import Metric, mean_metric
from noria.metrics.across_folds import across_folds
from noria.metrics.intervals import measure
from noria.types import Arrays


def right(output: Arrays, truth: Arrays) -> np.ndarray:
    return np.asarray(output["value"] == truth["value"], np.float64)


def largest(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    """A score that is no mean over records, and not there without one."""
    assert weights.any(1).all()
    return np.asarray((weights * output["value"]).max(1))


ACCURACY = mean_metric("accuracy", "fraction", "higher", right)
LARGEST = Metric("largest", "kg", "higher", largest)


def fold(seed: int, count: int) -> tuple[Arrays, Arrays]:
    generator = np.random.default_rng(seed)
    output, truth = generator.integers(0, 3, (2, count))
    return {"value": output}, {"value": truth}


def test_a_mean_over_records_is_that_of_all_of_them_with_its_interval() -> None:
    (one, of_one), (two, of_two) = fold(0, 30), fold(1, 50)
    metric = across_folds([(ACCURACY, one, of_one), (ACCURACY, two, of_two)], [30, 50])
    every = {"record": np.arange(80)}
    together = [{"value": np.concatenate([a["value"], b["value"]])} for a, b in ((one, two), (of_one, of_two))]
    assert measure([metric], every, every) == measure([ACCURACY], *together)


def test_any_other_score_is_worked_out_fold_by_fold_and_averaged_by_records() -> None:
    one, two = {"value": np.array([1.0, 2.0])}, {"value": np.array([4.0, 0.0, 0.0, 0.0])}
    metric = across_folds([(LARGEST, one, one), (LARGEST, two, two)], [2, 4])
    assert metric.scores is None
    weights = np.array([[1, 1, 1, 1, 1, 1], [1, 0, 0, 2, 0, 0], [0, 0, 1, 0, 0, 0]], np.float32)
    expected = [(2 * 2 + 4 * 4) / 6, (1 * 1 + 2 * 0) / 3, 4.0]  # of the last draw no record is of the first fold
    assert metric.value({}, {}, weights) == pytest.approx(expected)


def test_a_fold_whose_score_cannot_be_computed_is_left_out() -> None:
    nothing = Metric("largest", "kg", "higher", lambda output, truth, weights: np.full(len(weights), np.nan))
    one = {"value": np.array([1.0, 2.0])}
    metric = across_folds([(LARGEST, one, one), (nothing, one, one)], [2, 2])
    assert metric.value({}, {}, np.ones((1, 4), np.float32)).tolist() == [2.0]
    metric = across_folds([(nothing, one, one), (nothing, one, one)], [2, 2])
    assert np.isnan(metric.value({}, {}, np.ones((1, 4), np.float32))).all()
