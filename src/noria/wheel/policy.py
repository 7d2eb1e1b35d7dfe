"""Whether a training pays now: what the model loses a day, over a horizon, against the price of a training.

Pure arithmetic in integer micro-units of money: what it is told decides, so it can be simulated (benchmarks/wheel.py).
Read next: loss.py, turn/decide.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from noria.wheel.loss import LossPerDay
from noria.wheel.money import Money

DAY_S = 86_400


@dataclass(frozen=True)
class Position:
    """What is known when it is decided.

    loss: None where it cannot be told. price: of one training; None where no training tells it. budget: of the month,
    of which `spent` is gone. rests_until: the end of the cool-down, in seconds since 1970.
    """

    has_alarm: bool
    loss: LossPerDay | None
    price: int | None
    budget: int
    spent: int
    horizon_days: float
    now: float
    rests_until: float = 0.0


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
    if loss.micro * position.horizon_days <= price:
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
    total = round(loss.micro * position.horizon_days)
    days = f"{position.horizon_days:g} days"
    return f"it loses {money(loss.micro)} a day ({_range(loss, money)}), {money(total)} in {days}"


def _range(loss: LossPerDay, money: Money) -> str:
    return f"{money(loss.low)} to {money(loss.high)}"
