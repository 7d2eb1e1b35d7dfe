"""Last step: the candidate takes the champion's place, in one step that can be done twice."""

from __future__ import annotations

from noria.wheel.turn.canary import reload
from noria.wheel.turn.context import Turn
from noria.wheel.turn.folder import CANDIDATE, CURRENT
from noria.wheel.turn.turns import PROMOTED, Done


def promote(turn: Turn) -> Done:
    """Let the link of the champion point to the candidate."""
    turn.wheel.point(CURRENT, turn.candidate)
    turn.wheel.drop(CANDIDATE)
    taken = reload(turn.settings.service)
    said = f"{turn.wheel.shown(turn.candidate)} is the champion, at {turn.wheel.path / CURRENT}; {taken}"
    return Done(said, {"champion": str(turn.candidate)}, outcome=PROMOTED)
