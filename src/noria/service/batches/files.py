"""Files that clients have sent, and those that batches have written: whole in a folder, known in the database.

A file stands in its place before the database knows it: what was broken off between leaves one that nobody knows, which
is swept away after a day. Read next: upload.py, lines.py.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from contextlib import suppress
from dataclasses import astuple, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

from noria.database import Transaction
from noria.database.home import ADVICE, home
from noria.errors import UserError
from noria.service.request.http_error import HTTPError
from noria.store.disk import making_room, plain_disk_errors, sync_folder

Purpose = Literal["batch", "batch_output"]
COLUMNS = "id, owner, purpose, name, bytes, created, lines, endpoint, model"
ID = re.compile(r"file-[0-9a-f]{32}")
SWEEP_SECONDS = 86_400.0
PRIVATE = 0o700
OPEN = "('validating', 'in_progress', 'finalizing', 'cancelling')"


@dataclass(frozen=True)
class File:
    """A file. owner: the name of the key that may see it. lines, endpoint and model: of requests."""

    id: str
    owner: str
    purpose: str
    name: str
    bytes: int
    created: float
    lines: int = 0
    endpoint: str = ""
    model: str = ""

    def shown(self) -> dict[str, Any]:
        """Return what a client is told of it."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.bytes,
            "created_at": int(self.created),
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        }


def new_file_id() -> str:
    """Return an id that nobody guesses."""
    return f"file-{secrets.token_hex(16)}"


def folder() -> Path:
    """Return where files stand, made if need be."""
    path = home() / "files"
    with making_room(path, ADVICE):
        path.mkdir(PRIVATE, exist_ok=True)
    return path


def path_of(file_id: str) -> Path:
    """Return where a file stands."""
    assert ID.fullmatch(file_id)
    return folder() / file_id


def temporary_path() -> Path:
    """Return where a file is written to before it takes its place."""
    return folder() / f".tmp-{secrets.token_hex(8)}"


def place(temporary: Path, file_id: str) -> None:
    """Put a file that is on the disk in its place, in one step."""
    with plain_disk_errors(temporary, ADVICE):
        os.replace(temporary, path_of(file_id))
        sync_folder(folder())


def know(to: Transaction, file: File) -> None:
    """Note a file that stands in its place."""
    marks = ", ".join("?" * 9)
    to.run(f"insert into openai_file ({COLUMNS}) values ({marks}) on conflict do nothing", *astuple(file))


def find(to: Transaction, owner: str, file_id: str) -> File:
    """Return a file; raise HTTPError (404) where the owner has none of that id."""
    rows = to.run(f"select {COLUMNS} from openai_file where id = ? and owner = ?", file_id, owner)
    if not rows:
        raise not_here("file", file_id)
    return File(*rows[0])


def forget(to: Transaction, owner: str, file_id: str) -> None:
    """Forget a file; raise HTTPError (404, 409) where there is none, or where a batch reads it."""
    find(to, owner, file_id)
    rows = to.run(f"select id from openai_batch where file = ? and status in {OPEN}", file_id)
    if rows:
        error = UserError("a batch is reading the file", found=str(rows[0][0]), fix="wait for its end, or cancel it")
        raise HTTPError(error, HTTPStatus.CONFLICT, code="file_in_use", param="file_id")
    to.run("delete from openai_file where id = ?", file_id)


def used_bytes(to: Transaction, owner: str) -> int:
    """Return what an owner's files come to."""
    return int(to.run("select coalesce(sum(bytes), 0) from openai_file where owner = ?", owner)[0][0])


def sweep(to: Transaction) -> None:
    """Delete files that nobody knows and that are older than a day: of uploads and endings that were broken off."""
    known = {str(row[0]) for row in to.run("select id from openai_file")}
    for path in folder().iterdir():
        with suppress(OSError):
            if path.name not in known and time.time() - path.stat().st_mtime > SWEEP_SECONDS:
                path.unlink()


def not_here(kind: str, name: str) -> HTTPError:
    """Return the error of what is not there, or is another's."""
    error = UserError(f"there is no {kind} of that id", found=name[:60])
    return HTTPError(error, HTTPStatus.NOT_FOUND, code="not_found", param=f"{kind}_id")
