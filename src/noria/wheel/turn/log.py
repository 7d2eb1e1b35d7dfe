"""The log of a wheel as a person reads it: what each turn did, why, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from noria.units import count_of
from noria.wheel.money import Money
from noria.wheel.turn.turns import OPEN, TurnRecord


def told(turns: Sequence[TurnRecord], money: Money) -> str:
    """Return all turns, the first one first."""
    if not turns:
        return "this wheel has not turned yet"
    total = sum(step.micro for one in turns for step in one.steps)
    lines = [line for one in turns for line in lines_of(one, money)]
    return "\n".join([*lines, f"{count_of(len(turns), 'turn')}, {money(total)} in all"])


def lines_of(turn: TurnRecord, money: Money) -> list[str]:
    """Return a turn as lines: when, how it ended, what it cost, and a line for each step."""
    cost = money(sum(step.micro for step in turn.steps))
    outcome = "goes on" if turn.outcome == OPEN else turn.outcome
    steps = [f"  {_when(step.time)}  {step.name:<8} {step.sentence} [{money(step.micro)}]" for step in turn.steps]
    return [f"turn {turn.number}, {_when(turn.began)}: {outcome}, {cost}", *steps]


def _when(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M}"
