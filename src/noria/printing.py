"""What the command line prints on standard output, and what it asks a person."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from noria.errors import UserError


def confirm(what: str) -> None:
    """Ask a person whether to go on; raise UserError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UserError("there is nobody to ask whether to go on", found=what, fix="add --yes")
    sys.stderr.write(f"{what}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise SystemExit(1)


def show_error(error: UserError) -> None:
    """Print an error; what it says of the copy of an object it says of the object."""
    from noria.store.object_store import with_addresses  # here: few commands end so

    sys.stderr.write(with_addresses(f"error: {error}\n"))


def show(content: Any, as_json: bool) -> None:
    """Print; a reader that has gone away (`| head -1`) wants no more, which is no error."""
    try:
        sys.stdout.write((json.dumps(content, ensure_ascii=False) if as_json else str(content)) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is written when Python ends
        raise SystemExit(0) from None
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UserError(
            "what was found cannot be written", where="standard output", found=error.strerror or ""
        ) from None
