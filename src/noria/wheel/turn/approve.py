"""Sixth step: a person lets the candidate into service, where the job asks for one."""

from __future__ import annotations

from noria.wheel.turn.context import Turn
from noria.wheel.turn.turns import REJECTED, Done


def approve(turn: Turn) -> Done | None:
    """Return that nobody is asked; None while a person has not answered."""
    if turn.settings.approve == "nobody":
        return Done("nobody has to approve", {})
    return None


def answer(is_approved: bool, who: str, reason: str) -> Done:
    """Return the answer of a person."""
    why = f": {reason}" if reason else ""
    if is_approved:
        return Done(f"approved by {who}{why}", {"who": who})
    return Done(f"rejected by {who}{why}", {"who": who}, outcome=REJECTED)
