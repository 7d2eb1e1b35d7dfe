"""When a training pays: by hand-computed figures, and why nothing is done."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.drift.loss import LossPerDay
from noria.wheel.money import Money
from noria.wheel.policy import DAY_S, Position, decide, recovered_share

EUR = Money("EUR")
PAYS = Position(
    has_alarm=True, loss=LossPerDay(2_000_000, 1_000_000, 3_000_000), price=50_000_000, budget=100_000_000, spent=0,
    horizon_days=30, now=10 * DAY_S,
)  # fmt: skip


def test_a_loss_of_two_a_day_over_thirty_days_pays_for_fifty() -> None:
    decision = decide(PAYS, EUR)
    assert decision.is_training
    assert decision.reason == (
        "it loses 2.00 EUR a day (1.00 EUR to 3.00 EUR); a training brings 60.00 EUR in 30 days,"
        " more than the 50.00 EUR of a training"
    )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"has_alarm": False}, "nothing has drifted"),
        ({"loss": None}, "cannot be told"),
        ({"loss": LossPerDay(2_000_000, -1, 4_000_000)}, "may be chance"),
        ({"price": None}, "is not known"),
        ({"recovers": 0.5}, "a training brings 30.00 EUR in 30 days if 50% of it come back, less than the 50.00 EUR"),
        ({"price": 60_000_000}, "less than the 60.00 EUR of a training"),
        ({"spent": 50_000_001}, "50.00 EUR are left of this month's 100.00 EUR"),
        ({"rests_until": 12.5 * DAY_S}, "none begins for another 2.5 days"),
    ],
)
def test_it_is_told_why_nothing_is_done(changed: dict[str, object], reason: str) -> None:
    decision = decide(replace(PAYS, **changed), EUR)  # type: ignore[arg-type]
    assert not decision.is_training
    assert reason in decision.reason


@given(
    st.integers(-10**9, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.booleans()
)  # fmt: skip
def test_no_training_exceeds_the_budget_or_costs_more_than_it_may_bring(
    loss: int, price: int, budget: int, spent: int, has_alarm: bool
) -> None:
    found = LossPerDay(loss, loss - 1, loss + 1)
    decision = decide(replace(PAYS, has_alarm=has_alarm, loss=found, price=price, budget=budget, spent=spent), EUR)
    assert decision.reason
    if decision.is_training:
        assert has_alarm
        assert price <= budget - spent
        assert loss * 30 > price


def test_what_a_training_brings_is_told_by_what_earlier_ones_brought() -> None:
    assert [recovered_share(one) for one in ([], [1.0], [0.0, 0.0])] == pytest.approx([0.5, 0.75, 0.5 / 3])
    assert recovered_share([1.0] * 9 + [0.0] * 4) == pytest.approx(0.1)


def test_small_amounts_are_shown_with_the_digits_that_tell_them() -> None:
    assert [EUR(one) for one in (0, 12, 9_000, 10_000, -1_234_567_890)] == [
        "0.00 EUR", "0.000012 EUR", "0.009 EUR", "0.01 EUR", "-1,234.57 EUR",
    ]  # fmt: skip
