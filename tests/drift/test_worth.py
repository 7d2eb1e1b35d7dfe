"""What answers are worth before and now, and what a change of it costs, by hand-computed amounts."""

from __future__ import annotations

import numpy as np

from noria.contract.payoffs import MICRO
from noria.drift.assess import assess
from noria.drift.assessment import Assessment
from noria.drift.loss import LossPerDay, payoff_loss_per_day
from noria.pipeline.observations import Observations
from noria.pipeline.reference import Reference


def answers(worth: np.ndarray, expected: np.ndarray) -> Observations:
    """Return right answers of one class, all as sure, that are worth so many units, and were expected to be."""
    n = len(worth)
    nothing, sure, first = np.full(n, np.nan), np.full(n, 0.5, np.float32), np.zeros(n, np.int64)
    return Observations(
        "classes", ("good", "bad"), np.full((n, 2), 0.5, np.float32), sure, first, np.zeros(n), nothing,
        worth * MICRO, expected * MICRO, None, ("",) * n,
    )  # fmt: skip


def found_of(before: Observations, now: Observations) -> Assessment:
    return assess(Reference("m", before, "accuracy", "higher", "EUR"), now)


def loss_of(before: Observations, now: Observations, per_day: float) -> LossPerDay:
    loss = payoff_loss_per_day(found_of(before, now), per_day)
    assert loss is not None
    return loss


def test_the_loss_a_day_is_the_difference_of_what_answers_are_worth() -> None:
    ones = np.ones(100)
    loss = loss_of(answers(ones, ones), answers(np.repeat([1.0, -5.0], [90, 10]), ones), 1000)
    assert loss.micro == 600 * MICRO  # each of 100 costs 5, and would have brought 1
    assert loss.is_sure
    assert str(loss).startswith("600.00 [")


def test_without_truths_it_is_expected_by_what_answers_of_such_expectation_were_worth() -> None:
    expected = np.repeat([0.9, 0.1], 300)
    before = answers(np.repeat([1.0, 0.0], 300), expected)
    now = answers(np.full(60, np.nan), np.full(60, 0.1))  # all as those that were worth nothing
    assert loss_of(before, now, 10).micro == 5 * MICRO  # 0.5 an answer before, 0 now


def test_where_nothing_says_what_answers_are_worth_nothing_is_told_of_it() -> None:
    nothing = np.full(60, np.nan)
    found = found_of(answers(nothing, nothing), answers(nothing, nothing))
    assert (found.worth_before, found.worth_now, found.worth_lost) == (None, None, None)
