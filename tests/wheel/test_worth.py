"""What answers are worth before and now, by hand-computed amounts."""

from __future__ import annotations

import numpy as np

from noria.contract.payoffs import MICRO, ClassPayoffs, NumberPayoffs
from noria.pipeline.observations import Observations
from noria.pipeline.reference import Reference
from noria.wheel.assess import assess
from noria.wheel.loss import LossPerDay, payoff_loss_per_day
from noria.wheel.worth import worth_of

AMOUNTS = ClassPayoffs(correct=1.0, wrong=-1.0, matrix={"bad": {"good": -5.0}})


def classes(answers: list[int], truths: list[float]) -> Observations:
    """Return answers of good (0) or bad (1), all as sure."""
    n = len(answers)
    right = np.where(np.isfinite(truths), np.equal(answers, truths).astype(float), np.nan)
    values, sure = np.full((n, 2), 0.5, np.float32), np.full(n, 0.5, np.float32)
    places = ("",) * n
    return Observations(
        "classes", ("good", "bad"), values, sure, np.array(answers), np.array(truths), right, None, places
    )


def test_an_answer_is_worth_what_the_job_says_of_it_and_the_truth() -> None:
    found = worth_of(classes([0, 0, 1, 1, 0], [0, 1, 1, 0, np.nan]), AMOUNTS)
    assert found[:4].tolist() == [MICRO, -5 * MICRO, MICRO, -MICRO]
    assert np.isnan(found[4])


def test_a_number_is_worth_what_its_error_costs() -> None:
    nothing = np.zeros(3)
    seen = Observations(
        "numbers", ("n",), nothing[:, None], nothing, nothing.astype(int) - 1, nothing, np.array([0.5, 2, 4]), None, ()
    )
    amounts = NumberPayoffs(correct=1.0, per_unit=-0.5, tolerance=1.0)
    assert worth_of(seen, amounts).tolist() == [MICRO, -0.5 * MICRO, -1.5 * MICRO]


def loss_of(before: Observations, now: Observations, per_day: float) -> LossPerDay:
    found = assess(Reference("m", before, "accuracy", "higher"), now, payoffs=AMOUNTS)
    loss = payoff_loss_per_day(found, per_day)
    assert loss is not None
    return loss


def test_the_loss_a_day_is_the_difference_of_what_answers_are_worth() -> None:
    loss = loss_of(classes([0] * 100, [0.0] * 100), classes([0] * 100, [0.0] * 90 + [1.0] * 10), 1000)
    assert loss.micro == 600 * MICRO  # each of 100 costs 5, and would have brought 1
    assert loss.is_sure
    assert str(loss).startswith("600.00 [")


def test_without_truths_it_is_expected_by_class_and_how_sure_answers_are() -> None:
    before = classes([0] * 300 + [1] * 300, [0.0] * 300 + [1.0] * 150 + [0.0] * 150)
    now = classes([1] * 60, [np.nan] * 60)  # all are of the class whose answers are worth nothing on average
    assert loss_of(before, now, 10).micro == 5 * MICRO  # 0.5 an answer before, 0 now
