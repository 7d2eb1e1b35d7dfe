"""Writing that survives a crash, and a full disk told in plain words."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from noria.errors import EXIT_DISK_FULL, UserError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
RUN_ADVICE = "free some space and run the command again with --resume"
AGAIN_ADVICE = "free some space and run the command again"


@contextmanager
def plain_disk_errors(path: Path, advice: str = RUN_ADVICE) -> Iterator[None]:
    """Turn a full disk into a UserError with its own exit code."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise UserError(
            "the disk is full; what was saved before is whole",
            where=str(path),
            fix=advice,
            exit_code=EXIT_DISK_FULL,
        ) from error


def write_synced(path: Path, data: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a file beside `path` to write to; put it in its place in one step at the end, or leave nothing of it.

    Its folder is made. Raises UserError, before anything is written, where no file can stand there.
    """
    temporary = path.with_name(f".tmp-{path.name}")
    with plain_disk_errors(path, AGAIN_ADVICE):
        try:
            _make_room(path, temporary)
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _make_room(path: Path, temporary: Path) -> None:
    if path.is_dir():
        raise UserError("is a folder, and a file should be written there", where=str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
    except OSError as error:
        if error.errno in FULL:
            raise
        raise UserError("cannot be written", where=str(path), found=error.strerror or str(error)) from error


def write_json(path: Path, content: Any) -> None:
    """Write JSON to a temporary file, sync it, and put it in place in one step."""
    with plain_disk_errors(path):
        temporary = path.with_name(f".{path.name}.tmp")
        write_synced(temporary, json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False).encode())
        os.replace(temporary, path)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
