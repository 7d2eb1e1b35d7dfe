"""The one key of a server from a file: in a list of processes nobody sees it."""

from __future__ import annotations

from pathlib import Path

from noria.errors import UserError


def read_key_file(path: Path) -> str:
    """Return the key that is all that a file holds; raise UserError where it cannot be read."""
    try:
        return path.read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("the key cannot be read", where=f"--key-file {path}", found=str(error)) from error
