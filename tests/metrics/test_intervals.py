"""Intervals hold the truth as often as they say, are not [1, 1], and there is none of a handful of records."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from noria.contract import Metric, mean_metric
from noria.metrics.intervals import differences, measure, verdict
from noria.metrics.shares import t_quantile, wilson
from noria.targets.label import Label
from noria.types import Arrays

ACCURACY = mean_metric("accuracy", "fraction", "higher", lambda output, truth: output["right"])
MEAN = mean_metric("mean", "kg", "lower", lambda output, truth: output["right"])
EXPERIMENTS = 300


def of_labels(right: np.ndarray, classes: int = 2, seed: int = 0) -> tuple[Arrays, Arrays]:
    """Return answers of which these are right, to labels that take turns."""
    label = np.arange(len(right)) % classes
    answer = np.where(right, label, (label + 1) % classes)
    chance = np.random.default_rng(seed).uniform(0.6, 0.99, (len(right), 1))
    return {"logits": np.log(np.where(np.eye(classes)[answer], chance, (1 - chance) / (classes - 1)))}, {"label": label}


def scored(right: np.ndarray, classes: int = 2, **options: Any) -> dict[str, dict[str, Any]]:
    metrics = Label().metrics({"classes": [str(i) for i in range(classes)]})
    return measure(metrics, *of_labels(right, classes), **{"resamples": 200, **options})


def test_the_interval_of_a_share_is_wilsons() -> None:
    """Of 10 of 10 and of 7 of 20: the figures of Brown, Cai and DasGupta's formula, worked out by hand."""
    assert wilson(1.0, 10) == pytest.approx((0.722467, 1.0), abs=1e-6)
    assert wilson(0.35, 20) == pytest.approx((0.181192, 0.567146), abs=1e-6)
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.277533), abs=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_288_of_288_is_not_certain(classes: int) -> None:
    found = scored(np.ones(288, bool), classes)
    assert (found["accuracy"]["low"], found["accuracy"]["high"]) == (pytest.approx(0.98684, abs=1e-4), 1.0)
    for name in ("f1_macro", *(["auc"] if classes == 2 else [])):
        assert found[name]["value"] == found[name]["high"] == 1.0
        assert 0.96 < found[name]["low"] < 0.99


def test_a_perfect_mean_over_classes_says_less_where_one_of_them_is_rare() -> None:
    label = np.array([0] * 280 + [1] * 4)
    metrics = Label().metrics({"classes": ["a", "b"]})
    found = measure(metrics, {"logits": np.eye(2)[label]}, {"label": label}, 200)
    assert found["f1_macro"]["low"] < 0.82 < found["accuracy"]["low"]
    assert found["auc"]["low"] == pytest.approx(wilson(1.0, 4)[0])


def test_of_a_handful_of_records_there_is_no_interval_and_it_says_why() -> None:
    for one in scored(np.ones(7, bool)).values():
        assert one["value"] is not None
        assert (one["low"], one["high"], one["note"]) == (None, None, "n = 7: too few for an interval")
    assert all("note" not in one for one in scored(np.ones(10, bool)).values())
    groups = np.repeat(np.arange(7), 30)
    for one in scored(np.ones(210, bool), groups=groups).values():
        assert one["note"] == "7 groups: too few for an interval"


def test_a_difference_over_a_handful_of_records_has_no_interval() -> None:
    ours, theirs = ({"right": np.arange(7.0) + by} for by in (0, 1))
    (found,) = differences([(MEAN, MEAN)], (ours, {}), (theirs, {})).values()
    assert (found["value"], found["low"], found["note"]) == (-1, None, "n = 7: too few for an interval")


@pytest.mark.parametrize("metric", [ACCURACY, MEAN], ids=["share", "mean"])
def test_a_group_of_one_record_each_changes_nothing(metric: Metric) -> None:
    generator = np.random.default_rng(5)
    output = {"right": (generator.random(60) < 0.8) * 1.0}
    alone = measure([metric], output, {}, 300)
    assert measure([metric], output, {}, 300, groups=generator.permutation(60) + 7) == alone
    assert measure([metric], output, {}, 300, groups=None) == alone


@pytest.mark.parametrize("metric", [ACCURACY, MEAN], ids=["share", "mean"])
def test_repeating_each_record_in_its_group_is_no_more_evidence(metric: Metric) -> None:
    right = (np.random.default_rng(6).random(50) < 0.7) * 1.0
    one = measure([metric], {"right": right}, {}, 1000)[metric.name]
    five = measure([metric], {"right": np.repeat(right, 5)}, {}, 1000, groups=np.repeat(np.arange(50), 5))[metric.name]
    apart = measure([metric], {"right": np.repeat(right, 5)}, {}, 1000)[metric.name]
    width = one["high"] - one["low"]
    assert five["high"] - five["low"] == pytest.approx(width, rel=0.1)
    assert apart["high"] - apart["low"] < 0.55 * width


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("n", [20, 100])
def test_the_interval_of_a_share_holds_the_truth_as_often_as_it_says(share: float, n: int) -> None:
    generator, held = np.random.default_rng(7), 0
    for _ in range(EXPERIMENTS):
        found = measure([ACCURACY], {"right": (generator.random(n) < share) * 1.0}, {})["accuracy"]
        held += found["low"] <= share <= found["high"]
    assert held / EXPERIMENTS > 0.9


@pytest.mark.parametrize("metric", [ACCURACY, MEAN], ids=["share", "mean"])
def test_the_interval_of_records_in_groups_holds_the_truth_and_one_that_ignores_them_does_not(metric: Metric) -> None:
    """Thirty groups of ten records, of which most are as right as the rest of their group."""
    generator, held, ignored = np.random.default_rng(8), 0, 0
    groups = np.repeat(np.arange(30), 10)
    for _ in range(EXPERIMENTS):
        output = {"right": (generator.random(300) < generator.beta(4 * 0.8, 4 * 0.2, 30)[groups]) * 1.0}
        one, other = (measure([metric], output, {}, 200, groups=known)[metric.name] for known in (groups, None))
        held += one["low"] <= 0.8 <= one["high"]
        ignored += other["low"] <= 0.8 <= other["high"]
    assert held / EXPERIMENTS > 0.91
    assert ignored / EXPERIMENTS < 0.85


@pytest.mark.parametrize("gap", [0.0, 0.14])
def test_the_interval_of_a_calibration_error_holds_the_truth_although_chance_lifts_the_error(gap: float) -> None:
    """Right as often as each confidence says, or by `gap` less: then the true error is nothing, or `gap`."""
    generator, held, high, plain = np.random.default_rng(9), 0, 0.0, 0.0
    metrics = [one for one in Label().metrics({"classes": ["a", "b"]}) if one.name == "calibration_error"]
    for _ in range(EXPERIMENTS):
        confidence = generator.uniform(0.7, 0.99, 100)
        right = generator.random(100) < confidence - gap
        logits = np.log(np.stack([1 - confidence, confidence], 1))
        (found,) = measure(metrics, {"logits": logits}, {"label": right.astype(int)}, 200).values()
        assert found["low"] <= found["value"] <= found["high"]
        high += found["high"] / EXPERIMENTS
        drawn = generator.multinomial(100, np.full(100, 0.01), 200)
        plain += (
            np.quantile(metrics[0].value({"logits": logits}, {"label": right.astype(int)}, drawn), 0.975) / EXPERIMENTS
        )
        held += found["low"] <= gap <= found["high"]
    assert held / EXPERIMENTS > 0.9
    assert high < plain - 0.005  # what chance adds to the error does not lift its upper end


def test_where_all_are_right_a_group_counts_as_one_record() -> None:
    found = measure([ACCURACY], {"right": np.ones(300)}, {}, groups=np.repeat(np.arange(30), 10))["accuracy"]
    assert (found["low"], found["high"]) == (pytest.approx(wilson(1.0, 30, t_quantile(30))[0]), 1.0)


def test_two_models_that_err_on_the_same_records_are_not_said_to_be_equal_for_sure() -> None:
    truth = {"label": np.arange(40) % 2}
    one = {"logits": np.where(np.eye(2)[np.arange(40) % 3 % 2] > 0, 1.0, -1.0)}
    other = {"logits": 3 * one["logits"]}
    (accuracy, *_) = Label().metrics({"classes": ["a", "b"]})
    found = differences([(accuracy, accuracy)], (one, truth), (other, truth))["accuracy"]
    assert found["value"] == 0
    assert found["low"] == -found["high"]
    assert 0.05 < found["high"] < 0.15
    assert verdict(found) == "no different"
    same = differences([(accuracy, accuracy)], (one, truth), (one, truth))["accuracy"]
    assert (same["low"], same["high"]) == (0, 0)


def test_a_perfect_score_that_rests_on_no_record_has_no_interval() -> None:
    metric = Metric("f1", "fraction", "higher", lambda *given: np.ones(len(given[2])), support=lambda *_: 0.0)
    one = measure([metric], {"right": np.ones(20)}, {"right": np.ones(20)})["f1"]
    assert (one["value"], one["low"], one["high"]) == (1.0, None, None)
