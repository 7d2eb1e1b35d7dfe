"""Errors are shared out among the stages of a chain."""

from __future__ import annotations

import numpy as np
import pytest

from noria.metrics.error_budget import budget_metrics, shares
from noria.metrics.intervals import measure

# as it is, with the truth of the first stage, of the second, of the third
CHAIN = np.array([[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]], float)


def test_a_stage_is_to_blame_for_what_its_truth_mends():
    assert shares(CHAIN, np.ones((1, 5)))[0] == pytest.approx([0.25, 0.5, 0.25])


def test_a_record_of_weight_two_counts_twice():
    weights = np.array([[1, 1, 1, 1, 3]], float)
    assert shares(CHAIN, weights) == pytest.approx(
        shares(np.concatenate([CHAIN, CHAIN[4:], CHAIN[4:]]), np.ones((1, 7)))
    )


def test_records_of_which_the_truth_is_not_known_are_left_out():
    unknown = np.array([[0, np.nan, np.nan, 1]], float)
    assert shares(np.concatenate([CHAIN, unknown]), np.ones((1, 6))) == pytest.approx(shares(CHAIN, np.ones((1, 5))))


def test_without_an_error_nobody_is_to_blame():
    assert np.isnan(shares(CHAIN[:1], np.ones((1, 1)))).all()


def test_each_stage_is_a_score_of_its_own():
    stages = {"hearing": "times", "knowing": "words", "saying": "words"}
    metrics = budget_metrics(stages, lambda output, truth: output["right"])
    assert [one.name for one in metrics] == ["errors_of_hearing", "errors_of_knowing", "errors_of_saying"]
    assert metrics[1].value({"right": CHAIN}, {}, np.ones((2, 5))) == pytest.approx([0.5, 0.5])


def test_a_stage_whose_truth_nobody_knows_has_no_share_and_says_what_is_missing():
    right = CHAIN.copy()
    right[:, 1] = np.nan
    assert shares(right, np.ones((1, 5)))[0] == pytest.approx([np.nan, 0.75, 0.25], nan_ok=True)
    needed = {"hearing": "times", "knowing": "words", "saying": "words"}
    found = measure(budget_metrics(needed, lambda output, truth: output["right"]), {"right": right}, {})
    assert (found["errors_of_hearing"]["value"], found["errors_of_hearing"]["note"]) == (None, "no times given")


def test_without_an_error_it_is_said_that_there_is_none():
    metrics = budget_metrics({"hearing": "times"}, lambda output, truth: output["right"])
    for count in (3, 30):
        found = measure(metrics, {"right": np.ones((count, 2))}, {})["errors_of_hearing"]
        assert (found["value"], found["note"]) == (None, "no errors to share out")
