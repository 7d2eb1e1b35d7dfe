"""Files that clients have sent, and those that batches have written: whole in a folder, known in the database.

What a client sends the database knows before it takes its place, so that no file is left that nobody knows: other
databases may have files in the same folder, and nothing is deleted there but what was never whole.

Read next: upload.py, lines.py.
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
from typing import Any

from noria.database import Transaction
from noria.database.home import ADVICE, home
from noria.errors import UserError
from noria.service.request.http_error import HTTPError
from noria.store.disk import making_room, plain_disk_errors, sync_folder

PURPOSES = ("batch", "batch_output")
COLUMNS = "id, owner, purpose, name, bytes, created, lines, endpoint, model"
ID = re.compile(r"file-[0-9a-f]{32}")
TEMPORARY, SWEEP_SECONDS = ".tmp-", 86_400.0
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
    return folder() / f"{TEMPORARY}{secrets.token_hex(8)}"


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
    query = f"select {COLUMNS} from openai_file where id = ? and owner = ?"
    rows = to.run(query, file_id, owner) if ID.fullmatch(file_id) else []
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
    path_of(file_id).unlink(missing_ok=True)  # first: what is forgotten and still there nobody would delete


def check_room(to: Transaction, owner: str, most: int, file: File | None = None) -> None:
    """Raise HTTPError (413) where an owner's files, with a new one, come to more than so many bytes."""
    others = "select coalesce(sum(bytes), 0) from openai_file where owner = ? and id <> ?"
    used, new = int(to.run(others, owner, file.id if file else "")[0][0]), file.bytes if file else 1
    if used + new > most:
        error = UserError(
            "there is no room for the file", expected=f"{most} bytes of a key's files at most",
            found=f"{used} bytes are kept already", fix="delete some",
        )  # fmt: skip
        raise HTTPError(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large", param="file")


def sweep() -> None:
    """Delete what was never whole and is older than a day: of uploads and endings that were broken off."""
    for path in folder().glob(f"{TEMPORARY}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > SWEEP_SECONDS:
                path.unlink()


def not_here(kind: str, name: str) -> HTTPError:
    """Return the error of what is not there, or is another's."""
    error = UserError(f"there is no {kind} of that id", found=name[:60])
    return HTTPError(error, HTTPStatus.NOT_FOUND, code="not_found", param=f"{kind}_id")
