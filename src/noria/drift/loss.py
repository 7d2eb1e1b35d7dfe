"""What a worse score costs a day, in integer micro-units of money: what the price of a retraining is set against."""

from __future__ import annotations

import math
from dataclasses import dataclass

from noria.contract.payoffs import MICRO
from noria.drift.assessment import Assessment, Estimate


@dataclass(frozen=True)
class LossPerDay:
    """Micro-units of money that are lost a day, with the interval of 95 %; below zero where it is a gain."""

    micro: int
    low: int
    high: int

    def __str__(self) -> str:
        """Return the loss and its interval in units of the currency."""
        return f"{self.micro / MICRO:,.2f} [{self.low / MICRO:,.2f}, {self.high / MICRO:,.2f}]"

    @property
    def is_sure(self) -> bool:
        """Say whether it is more than chance: the whole interval is a loss."""
        return self.low > 0


def estimated_loss_per_day(found: Assessment, micro_per_score: int, predictions_per_day: float) -> LossPerDay | None:
    """Return what the change of the score costs a day; None where the score now cannot be told.

    micro_per_score: what one record is worth more, in micro-units, where its score is better by 1: of accuracy, the
    value of a right answer less that of a wrong one; of an error of numbers, the value of an error less by one unit.
    """
    if found.before is None or found.now is None:
        return None
    per_day = predictions_per_day * micro_per_score * (1 if found.direction == "higher" else -1)
    return difference_per_day(found.before, found.now, per_day)


def payoff_loss_per_day(found: Assessment, predictions_per_day: float) -> LossPerDay | None:
    """Return what is lost a day as answers are worth less than in calibration; None where the job gives no worth."""
    if found.worth_before is None or found.worth_now is None:
        return None
    return difference_per_day(found.worth_before, found.worth_now, predictions_per_day)


def difference_per_day(before: Estimate, now: Estimate, times: float) -> LossPerDay:
    """Return by how much less there is now, so many times; the widths of both intervals add up as squares."""
    change = before.value - now.value
    half = math.hypot(before.high - before.low, now.high - now.low) / 2
    low, high = sorted(round(times * one) for one in (change - half, change + half))
    return LossPerDay(round(times * change), low, high)
