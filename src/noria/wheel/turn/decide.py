"""Second step: does a training pay now? Read next: wheel/policy.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from noria.contract.payoffs import MICRO, micro
from noria.drift.assessment import Assessment
from noria.drift.loss import LossPerDay
from noria.pipeline.worth import ANSWERS, VALUE
from noria.store.run_folder import read_json
from noria.wheel.policy import DAY_S, Position, decide, recovered_share
from noria.wheel.turn.canary import refuse_deaf_service
from noria.wheel.turn.context import Turn
from noria.wheel.turn.turns import DISAPPOINTED, NOTHING, OPEN, PROMOTED, ROLLED_BACK, Done, TurnRecord


def decide_training(turn: Turn) -> Done:
    """Return whether to train, and why; where not, the turn ends."""
    settings, before, now = turn.settings, turn.turns.all(), turn.turns.now()
    loss, money = turn.results["assess"]["loss"], turn.costs.money
    seconds = training_seconds(turn.champion)
    position = Position(
        bool(turn.results["assess"]["assessment"]["alarm"]),
        None if loss is None else LossPerDay(**loss),
        None if seconds is None else turn.costs.of(seconds),
        micro(settings.budget),
        spent_in_month(before, now),
        settings.horizon_days,
        now,
        rests_until(before, settings.cool_down_days),
        recovered_share(recovered(before)),
    )
    decision = decide(position, money)
    if decision.is_training:
        refuse_deaf_service(turn)
    verb = "a model is trained" if decision.is_training else "nothing is done"
    sentence = f"{verb}: {_unknown(turn) or decision.reason}"
    left = position.budget - position.spent
    result = {"price": position.price, "left": left, "forecast_s": seconds}
    return Done(sentence, result, outcome="" if decision.is_training else NOTHING)


def training_seconds(champion: Path) -> float | None:
    """Return how long the champion's training took, with all that belongs to it; None where that is not known."""
    seconds = read_json(champion / "metrics.json").get("seconds", {})
    known = [value for value in seconds.values() if isinstance(value, int | float)]
    return sum(known) if "train" in seconds else None


def spent_in_month(turns: Sequence[TurnRecord], now: float) -> int:
    """Return what the wheel's steps cost in this calendar month, UTC, in micro-units."""
    return sum(step.micro for one in turns for step in one.steps if _month(step.time) == _month(now))


def rests_until(turns: Sequence[TurnRecord], cool_down_days: float) -> float:
    """Return when the pause ends that follows on a candidate that was no good; 0 where there was none."""
    tried = [one for one in turns if one.outcome == ROLLED_BACK or any(step.name == "train" for step in one.steps)]
    ends = [one.ended for one in tried if one.outcome in DISAPPOINTED and one.ended is not None]
    return max(ends) + cool_down_days * DAY_S if ends else 0.0


def recovered(turns: Sequence[TurnRecord]) -> list[float]:
    """Return how much of the loss each candidate brought back on recent records; 0 of those that were not let in."""
    shares = []
    for one in turns:
        results = {step.name: step.result for step in one.steps}
        if one.outcome != OPEN and "compare" in results:
            shares.append(_share(results) if one.outcome == PROMOTED else 0.0)
    return shares


def _share(results: Mapping[str, Mapping[str, Any]]) -> float:
    """Return the candidate's gain beside the champion's loss, 0 to 1."""
    found, recent = Assessment.from_json(results["assess"]["assessment"]), results["compare"]["recent"]
    one, loss = recent[recent["main"]], found.worse_by
    if recent["main"] == VALUE:
        loss = None if found.worth_lost is None else found.worth_lost * ANSWERS / MICRO
    gain = one["value"] if one["direction"] == "higher" else -one["value"]
    return min(1.0, max(0.0, gain / loss)) if loss is not None and loss > 0 else 0.0


def _month(time: float) -> tuple[int, int]:
    day = datetime.fromtimestamp(time, UTC)
    return day.year, day.month


def _unknown(turn: Turn) -> str:
    """Say which setting is missing without which no loss can be told; empty where none is."""
    if not turn.results["assess"]["assessment"]["alarm"]:
        return ""
    if turn.settings.worth is None and turn.results["assess"]["assessment"]["worth_before"] is None:
        return "what a better answer is worth is not known; set wheel.worth, or the job's value"
    if turn.results["assess"]["per_day"] is None:
        return "how many answers are given a day is not known, for the ledger has none; set wheel.predictions_per_day"
    return ""
