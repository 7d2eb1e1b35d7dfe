"""Read a file that a table cell names: only a regular file below the root, never by a trick.

Knows no table and no modality. A ValueError carries the plain reason; the caller quarantines the record.
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PureWindowsPath

AS_SEEN = "expected one below the data's folder, written as seen from there, as clips/1.wav: write it so in the table"
LIMIT_BYTES = 100_000_000  # one photo, recording or clip; whatever is larger belongs to a streaming reader


def read_file(root: Path, name: str, limit_bytes: int = LIMIT_BYTES) -> bytes:
    """Return the bytes of the file `name` below `root`; raise ValueError with a plain reason where that cannot be."""
    return read_regular(_find(root, _checked(name)), name, limit_bytes)


def named_files_stamp(root: Path, names: Sequence[str]) -> str:
    """Return a cheap identity of the files that cells name: sha256 over name, size and time of change."""
    digest = hashlib.sha256()
    for name in names:
        try:
            status = (root / name).stat()
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
        except (OSError, ValueError):
            digest.update(f"{name}\0cannot be read\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def read_regular(path: str, name: str, limit_bytes: int = LIMIT_BYTES) -> bytes:
    """Return the bytes of a regular file; raise ValueError, calling it `name`, where it is none, empty or too large."""
    try:
        # NONBLOCK: opening a FIFO must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"{name} is not a regular file")
            data = os.read(descriptor, min(status.st_size, limit_bytes) + 1)
            while part := os.read(descriptor, limit_bytes + 1 - len(data)):  # the system may give less than asked for
                data += part
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror or error}") from error
    if len(data) > limit_bytes:
        raise ValueError(f"{name} is larger than {limit_bytes} bytes")
    if not data:
        raise ValueError("empty file")
    return data


def _checked(name: str) -> str:
    """Return the name with forward slashes; raise ValueError where it could lead out of the root."""
    if not name.strip():
        raise ValueError("no file is named")
    if "\0" in name:
        raise ValueError("the file name holds a NUL")
    if name.startswith(("/", "\\", "~")) or PureWindowsPath(name).drive:
        raise ValueError(f"{name} is an absolute path; {AS_SEEN}")
    if "://" in name:
        raise ValueError(f"{name} is an address; expected a file below the data's folder")
    name = name.replace("\\", "/")  # tables written on Windows
    if ".." in name.split("/"):
        raise ValueError(f"{name} leads out of the data's folder")
    return name


def _find(root: Path, name: str) -> str:
    """Return the real path; names with accents are tried in both ways that systems write them."""
    real_root = _real_path(root)
    for spelling in dict.fromkeys((name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name))):
        try:
            if not _has_link(real_root, spelling):
                return f"{real_root}/{spelling}"
            path = os.path.realpath(f"{real_root}/{spelling}", strict=True)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ValueError(f"{name}: {error.strerror or error}") from error
        if os.path.commonpath((real_root, path)) != real_root:
            raise ValueError(f"{name} leads out of the data's folder through a link")
        return path
    raise ValueError(f"{name}: there is no such file")


@lru_cache(maxsize=16)
def _real_path(root: Path) -> str:
    """Resolve the root once: a table of a million photos would pay for it a million times."""
    return os.path.realpath(root)


def _has_link(real_root: str, name: str) -> bool:
    """Say whether any step from the root to the file is a link; raises OSError where there is nothing."""
    path = real_root
    for part in name.split("/"):
        path += f"/{part}"
        if stat.S_ISLNK(os.lstat(path).st_mode):
            return True
    return False
