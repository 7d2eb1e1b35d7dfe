"""What a worse score costs, by hand-computed figures."""

from __future__ import annotations

from dataclasses import replace

from drift.test_assessment import FOUND
from noria.drift.assessment import Estimate
from noria.drift.loss import estimated_loss_per_day

RIGHT_LESS_WRONG = 2_500_000  # a right answer brings 0.50, a wrong one costs 2.00


def test_ten_points_of_accuracy_cost_as_many_answers_as_turn_wrong() -> None:
    loss = estimated_loss_per_day(FOUND, RIGHT_LESS_WRONG, 1000)
    assert loss is not None
    assert loss.micro == 250_000_000  # 100 answers a day
    # Half widths 0.02 and 0.03 add up to 0.0361: 0.0639 to 0.1361 of 1,000 answers.
    assert (loss.low, loss.high) == (159_861_218, 340_138_782)
    assert loss.is_sure


def test_of_an_error_less_is_better() -> None:
    worse = replace(
        FOUND, score="mae", direction="lower", before=Estimate(10.0, 9, 11, 99), expected=Estimate(8, 7, 9, 99)
    )
    loss = estimated_loss_per_day(worse, 1_000_000, 10)
    assert loss is not None
    assert loss.micro == -20_000_000
    assert not loss.is_sure


def test_where_the_score_cannot_be_told_there_is_no_loss_to_tell() -> None:
    assert estimated_loss_per_day(replace(FOUND, expected=None), RIGHT_LESS_WRONG, 1000) is None
