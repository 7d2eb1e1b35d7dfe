"""Where Noria keeps what it can make again: downloads and prepared data. Deleting it loses nothing."""

from __future__ import annotations

import os
from pathlib import Path

from noria.errors import UserError


def cache_folder() -> Path:
    """Return NORIA_CACHE, else XDG_CACHE_HOME/noria, else ~/.cache/noria; it need not exist yet."""
    own = os.environ.get("NORIA_CACHE")
    given = Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "noria"
    try:
        return given.expanduser()
    except RuntimeError as error:  # as in a container that knows no user
        fix = "set NORIA_CACHE to a folder that can be written"
        raise UserError("there is no home folder to keep prepared data in", where=str(given), fix=fix) from error
