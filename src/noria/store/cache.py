"""Where Noria keeps what it can make again: downloads and prepared data. Deleting it loses nothing."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return NORIA_CACHE, else XDG_CACHE_HOME/noria, else ~/.cache/noria; it need not exist yet."""
    if own := os.environ.get("NORIA_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "noria"
