"""Errors are shared out among the stages of a chain."""

from __future__ import annotations

import numpy as np
import pytest

from noria.metrics.error_budget import budget_metrics, shares

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
    metrics = budget_metrics(["hearing", "knowing", "saying"], lambda output, truth: output["right"])
    assert [one.name for one in metrics] == ["errors_of_hearing", "errors_of_knowing", "errors_of_saying"]
    assert metrics[1].value({"right": CHAIN}, {}, np.ones((2, 5))) == pytest.approx([0.5, 0.5])
