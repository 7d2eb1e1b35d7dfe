"""Whether a training pays now: what the model loses a day, over a horizon, against the price of a training.

Pure arithmetic in integer micro-units of money: what it is told decides, so it can be simulated (benchmarks/wheel.py).
Read next: drift/loss.py, turn/decide.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from noria.drift.loss import LossPerDay
from noria.wheel.money import Money

DAY_S = 86_400
FIRST_SHARE = 0.5  # of a loss, expected of the first candidate: new records are few beside those of the first training
LATEST = 4  # candidates by which the share is told


@dataclass(frozen=True)
class Position:
    """What is known when it is decided.

    loss: None where it cannot be told. price: of one training; None where no training tells it. budget: of the month,
    of which `spent` is gone. rests_until: the end of the cool-down, in seconds since 1970. recovers: how much of a loss
    a training is expected to bring back, 0 to 1: recovered_share.
    """

    has_alarm: bool
    loss: LossPerDay | None
    price: int | None
    budget: int
    spent: int
    horizon_days: float
    now: float
    rests_until: float = 0.0
    recovers: float = 1.0

    @property
    def gain(self) -> int:
        """Return what a training is expected to bring over the horizon, in micro-units; 0 where no loss is told."""
        return 0 if self.loss is None else round(self.loss.micro * self.horizon_days * self.recovers)


@dataclass(frozen=True)
class Decision:
    """Whether to train, and why, as a sentence."""

    is_training: bool
    reason: str


def decide(position: Position, money: Money) -> Decision:
    """Return whether to train: a loss that is no chance, that costs more over the horizon than a training does.

    The budget of the month and the cool-down come first: a policy that is wrong must be cheap.
    """
    refused = _not_worth(position, money) or _not_allowed(position, money)
    if refused:
        return Decision(False, refused)
    assert position.loss is not None
    assert position.price is not None
    return Decision(
        True, f"{_sum(position, position.loss, money)}, more than the {money(position.price)} of a training"
    )


def recovered_share(shares: Sequence[float]) -> float:
    """Return how much of a loss the next training is expected to bring back, by what earlier ones did.

    shares: of each earlier candidate, 0 where it was not let in. The first expectation counts as one more candidate.
    """
    known = [FIRST_SHARE, *shares[-LATEST:]]
    return sum(known) / len(known)


def _not_worth(position: Position, money: Money) -> str:
    """Return why a training would not pay; empty where it would."""
    loss, price = position.loss, position.price
    if not position.has_alarm:
        return "nothing has drifted"
    if loss is None:
        return "it has drifted, but what the score is now cannot be told: it needs records with their answers"
    if not loss.is_sure:
        return f"it has drifted, but that it costs anything may be chance ({_range(loss, money)} a day)"
    if price is None:
        return "what a training costs is not known: the champion's metrics.json does not say how long it took"
    if position.gain <= price:
        return f"{_sum(position, loss, money)}, less than the {money(price)} of a training"
    return ""


def _not_allowed(position: Position, money: Money) -> str:
    """Return why a training that pays does not begin now; empty where it may."""
    assert position.price is not None
    if position.now < position.rests_until:
        days = (position.rests_until - position.now) / DAY_S
        return f"a training would pay, but the last candidate was no good: none begins for another {days:.1f} days"
    left = position.budget - position.spent
    if position.price > left:
        return (
            f"a training would pay, but costs {money(position.price)}, and {money(max(0, left))} are left of this"
            f" month's {money(position.budget)}"
        )
    return ""


def _sum(position: Position, loss: LossPerDay, money: Money) -> str:
    said = f"it loses {money(loss.micro)} a day ({_range(loss, money)})"
    part = "" if position.recovers == 1 else f" if {position.recovers:.0%} of it come back"
    return f"{said}; a training brings {money(position.gain)} in {position.horizon_days:g} days{part}"


def _range(loss: LossPerDay, money: Money) -> str:
    return f"{money(loss.low)} to {money(loss.high)}"
