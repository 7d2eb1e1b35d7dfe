"""Bring the champion of before back. It is a turn of its own, which whoever comes next ends where it was broken off."""

from __future__ import annotations

from pathlib import Path

from noria.wheel.turn.folder import CURRENT, WheelFolder
from noria.wheel.turn.turns import ROLLED_BACK, Done, TurnRecord, Turns

ASKED = "rollback"  # what such a turn begins with: the run that is to be the champion again


def is_rollback(record: TurnRecord) -> bool:
    """Say whether a turn only brings a champion back."""
    return ASKED in record.asked


def asked(before: Path, why: str) -> dict[str, str]:
    """Return what a turn begins with that brings a champion back."""
    return {ASKED: str(before), "why": why}


def bring_back(wheel: WheelFolder, turns: Turns, record: TurnRecord) -> str:
    """End such a turn, which may be done twice; return what to say."""
    before = Path(str(record.asked[ASKED]))
    wheel.point(CURRENT, before)
    said = f"{wheel.shown(before)} is the champion again, {record.asked['why']}"
    turns.write(record.number, "rollback", Done(said, {"champion": str(before)}, outcome=ROLLED_BACK))
    return said
