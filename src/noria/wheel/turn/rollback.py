"""Bring the champion of before back. It is a turn of its own, which whoever comes next ends where it was broken off.

The service that the last turn named is asked to read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from noria.job.wheel import Service
from noria.wheel.turn.canary import reload
from noria.wheel.turn.folder import CURRENT, WheelFolder
from noria.wheel.turn.turns import ROLLED_BACK, Done, TurnRecord, Turns

ASKED = "rollback"  # what such a turn begins with: the run that is to be the champion again


def is_rollback(record: TurnRecord) -> bool:
    """Say whether a turn only brings a champion back."""
    return ASKED in record.asked


def asked(before: Path, why: str, turns: Sequence[TurnRecord]) -> dict[str, object]:
    """Return what a turn begins with that brings a champion back, after the turns that there were."""
    settings = [one.asked["settings"] for one in turns if not is_rollback(one)]
    return {ASKED: str(before), "why": why, "service": settings[-1]["service"] if settings else None}


def bring_back(wheel: WheelFolder, turns: Turns, record: TurnRecord) -> str:
    """End such a turn, which may be done twice; return what to say."""
    before = Path(str(record.asked[ASKED]))
    wheel.point(CURRENT, before)
    named = record.asked["service"]
    taken = reload(None if named is None else Service.model_validate(named))
    said = f"{wheel.shown(before)} is the champion again, {record.asked['why']}; {taken}"
    turns.write(record.number, "rollback", Done(said, {"champion": str(before)}, outcome=ROLLED_BACK))
    return said
