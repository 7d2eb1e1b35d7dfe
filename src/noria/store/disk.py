"""Writing that survives a crash; a full disk and a place that cannot be written are told in plain words."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from noria.errors import EXIT_DISK_FULL, UserError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Advice(NamedTuple):
    """What to do where a disk is full, and where a place cannot be written."""

    full: str
    forbidden: str


RUN_ADVICE = Advice(
    "free some space and run the same command again; a training or a tuning goes on with --resume",
    "name a folder that can be written with --run",
)
CACHE_ADVICE = Advice(
    "free some space, or set NORIA_CACHE to a folder on a larger disk, and run the command again",
    "set NORIA_CACHE to a folder that can be written, and run the command again",
)
AGAIN_ADVICE = Advice("free some space and run the command again", "name another place, or let this one be written")


@contextmanager
def plain_disk_errors(path: Path, advice: Advice = RUN_ADVICE) -> Iterator[None]:
    """Turn a full disk into a UserError with its own exit code."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise UserError(
            "the disk is full; what was saved before is whole",
            where=str(path),
            fix=advice.full,
            exit_code=EXIT_DISK_FULL,
        ) from error


@contextmanager
def making_room(path: Path, advice: Advice = RUN_ADVICE) -> Iterator[None]:
    """Turn whatever keeps the first file or folder of a place from being made into a UserError."""
    with plain_disk_errors(path, advice):
        try:
            yield
        except OSError as error:
            if error.errno in FULL:
                raise
            found = error.strerror or str(error)
            raise UserError("cannot be written", where=str(path), found=found, fix=advice.forbidden) from error


def write_synced(path: Path, data: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes, advice: Advice = RUN_ADVICE) -> None:
    """Write a file whole: to a temporary one beside it, synced, and put in its place in one step."""
    temporary = path.with_name(f".{path.name}.tmp")
    with plain_disk_errors(path, advice):
        write_synced(temporary, data)
        os.replace(temporary, path)


def write_json(path: Path, content: Any) -> None:
    """Write JSON whole."""
    replace_file(path, json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False).encode())


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a file beside `path` to write to; put it in its place in one step at the end, or leave nothing of it.

    Its folder is made. Raises UserError, before anything is written, where no file can stand there.
    """
    temporary = path.with_name(f".tmp-{path.name}")
    with plain_disk_errors(path, AGAIN_ADVICE):
        try:
            if path.is_dir():
                raise UserError("is a folder, and a file should be written there", where=str(path))
            with making_room(path, AGAIN_ADVICE):
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary.touch()
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def whole_files(folder: Path) -> Iterator[Path]:
    """Give a folder to write files to; at the end each takes its place in `folder`, which is made, or none does."""
    with plain_disk_errors(folder, AGAIN_ADVICE):
        with making_room(folder, AGAIN_ADVICE):
            folder.mkdir(parents=True, exist_ok=True)
            temporary = tempfile.TemporaryDirectory(dir=folder, prefix=".tmp-", ignore_cleanup_errors=True)
        with temporary as name:
            yield Path(name)
            written = [path for path in Path(name).rglob("*") if path.is_file()]
            for path in written:
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
            for path in sorted(
                written, reverse=True
            ):  # what belongs to a file, model.onnx.data, stands there before it
                final = folder / path.relative_to(name)
                final.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, final)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
