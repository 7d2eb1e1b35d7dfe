"""Fetch published data into the user's cache: looked for first, then downloaded, and only taken with the right sha256.

https only (http for this machine's own loopback). Where the cache is, store/cache.py says. Knows no data set by name.

Not pooch: its downloader bounds no size, follows a redirect from https to http and renames what the disk may not have
yet. Most of this file would stand around it, some 20 lines shorter, for eight more packages (requests and its own).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from noria.errors import UserError
from noria.store.cache import cache_folder

MAX_BYTES = 10_000_000_000
TIMEOUT_SECONDS = 30.0  # without a single byte
_PIECE_BYTES = 1 << 20

# File name, bytes so far, bytes in all (0 where the server does not say).
Progress = Callable[[str, int, int], None]


def fetch(
    name: str,
    files: Mapping[str, Mapping[str, str | Sequence[str]]],
    *,
    progress: Progress | None = None,
    max_bytes: int = MAX_BYTES,
) -> Path:
    """Return the folder `data/<name>` of the cache with all the files, downloading what is missing.

    `files` maps a file name to {"url": address} or {"urls": [address, mirror, ...]} and {"sha256": hex}.
    Raises UserError where a file is neither there nor to be had.
    """
    folder = cache_folder() / "data" / name
    for file_name, source in files.items():
        path = folder / file_name
        if path.is_file() and _sha256(path) == source["sha256"]:
            continue
        given = source.get("urls") or source["url"]
        urls = [given] if isinstance(given, str) else list(given)
        failures = []
        for url in urls:
            try:
                _download(url, path, str(source["sha256"]), progress, max_bytes)
                break
            except (OSError, HTTPException, ValueError) as error:
                failures.append(f"{url}: {getattr(error, 'reason', '') or error}")
        else:
            raise _not_to_be_had(folder, list(files), failures)
    return folder


def _not_to_be_had(folder: Path, names: list[str], failures: list[str]) -> UserError:
    return UserError(
        "the data is not here and cannot be downloaded",
        where=str(folder),
        expected=", ".join(names),
        found="; ".join(failures),
        fix=f"put these files into {folder}, or give the folder that has them: data.path=FOLDER",
    )


def _download(url: str, path: Path, sha256: str, progress: Progress | None, max_bytes: int) -> None:
    """Write to a temporary file, check it, and only then give it its name."""
    _check_address(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            opener = urllib.request.build_opener(_CheckedRedirect)
            with opener.open(url, timeout=TIMEOUT_SECONDS) as response:
                found = _copy(response, out, path.name, progress, max_bytes)
            out.flush()
            os.fsync(out.fileno())
        if found != sha256:
            raise ValueError(f"the file has changed: sha256 {found[:12]}..., expected {sha256[:12]}...")
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _copy(response: IO[bytes], out: IO[bytes], name: str, progress: Progress | None, max_bytes: int) -> str:
    """Copy the answer and return its sha256; raise ValueError where it is too long or shorter than announced."""
    digest, done = hashlib.sha256(), 0
    total = int(getattr(response, "headers", {}).get("Content-Length") or 0)
    while piece := response.read(_PIECE_BYTES):
        done += len(piece)
        if done > max_bytes:
            raise ValueError(f"larger than {max_bytes} bytes")
        digest.update(piece)
        out.write(piece)
        if progress:
            progress(name, done, total)
    if total and done < total:
        raise ValueError(f"broke off after {done} of {total} bytes")
    return digest.hexdigest()


class _CheckedRedirect(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to an address that could have been given in the first place."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname == "127.0.0.1"):
        raise ValueError("only https addresses are downloaded from")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
