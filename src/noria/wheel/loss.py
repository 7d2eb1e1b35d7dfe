"""What a worse score costs a day, in integer micro-units of money: what the price of a retraining is set against."""

from __future__ import annotations

import math
from dataclasses import dataclass

from noria.wheel.assessment import Assessment


@dataclass(frozen=True)
class LossPerDay:
    """Micro-units of money that are lost a day, with the interval of 95 %; below zero where it is a gain."""

    micro: int
    low: int
    high: int

    @property
    def is_sure(self) -> bool:
        """Say whether it is more than chance: the whole interval is a loss."""
        return self.low > 0


def estimated_loss_per_day(found: Assessment, micro_per_score: int, predictions_per_day: float) -> LossPerDay | None:
    """Return what the change of the score costs a day; None where the score now cannot be told.

    micro_per_score: what one record is worth more, in micro-units, where its score is better by 1: of accuracy, the
    value of a right answer less that of a wrong one; of an error of numbers, the value of an error less by one unit.
    The two scores' intervals are independent, so their widths add up as squares.
    """
    change = found.worse_by
    if change is None or found.before is None or found.now is None:
        return None
    half = math.hypot(found.before.high - found.before.low, found.now.high - found.now.low) / 2
    each = micro_per_score * predictions_per_day
    low, high = sorted(round(each * one) for one in (change - half, change + half))
    return LossPerDay(round(each * change), low, high)
