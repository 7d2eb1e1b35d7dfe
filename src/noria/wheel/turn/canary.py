"""Seventh step: the running service asks the candidate a share of the requests, and withdraws it if it does worse."""

from __future__ import annotations

from noria.wheel.turn.context import Turn
from noria.wheel.turn.turns import Done


def try_out(turn: Turn) -> Done | None:
    """Return that no service is named to try it."""
    return Done("no service is named in wheel.service to try it with a share of the requests", {})
