"""Where what outlives a run is kept: jobs, the ledger, what is to be booked. No cache: nothing of it is made again."""

from __future__ import annotations

import os
from pathlib import Path

from noria.store.disk import Advice, making_room

ADVICE = Advice(
    "free some space and run the same command again",
    "set NORIA_HOME to a folder that can be written, and run the command again",
)
PRIVATE = 0o700


def home() -> Path:
    """Return the folder, made if need be: $NORIA_HOME, or one of its own below the user's folder for data.

    Raises UserError where it cannot be made.
    """
    named = os.environ.get("NORIA_HOME")
    shared = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    path = Path(named).expanduser() if named else shared / "noria"
    with making_room(path, ADVICE):
        path.mkdir(PRIVATE, parents=True, exist_ok=True)
    return path.resolve()
