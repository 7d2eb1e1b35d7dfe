"""A database in one file, for all processes of one machine.

Write-ahead logging with synchronous=FULL: what was committed survives a crash of the process, of the system and a power
cut (https://www.sqlite.org/pragma.html#pragma_synchronous). Not on a network's file system, where its locks do not hold
(https://www.sqlite.org/wal.html).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from operator import itemgetter
from pathlib import Path
from typing import Any

from noria.database.connection import Backend, Cell, Connection, Unavailable
from noria.database.home import ADVICE
from noria.errors import UserError
from noria.store.disk import making_room

BUSY_SECONDS = 30.0
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs")
PASSING = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM,
)  # fmt: skip
BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
MOUNTS = Path("/proc/self/mounts")


class SQLite(Backend):
    """A file of SQLite."""

    skip_locked, is_shared = "", False
    now = "((julianday('now') - 2440587.5) * 86400.0)"

    def __init__(self, path: Path) -> None:
        self.path, self.where = path, str(path)

    def connect(self) -> Connection:
        with making_room(self.path.parent, ADVICE):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        if (kind := file_system(self.path.parent)) in NETWORK:
            raise UserError(
                "a database of SQLite is not safe on a network's file system",
                where=self.where,
                found=kind,
                fix="set NORIA_HOME to a folder on a disk of this machine, or NORIA_DATABASE to postgresql://...",
            )
        with _told_apart(self.where):
            return SQLiteConnection(self.path)

    def append_only(self, table: str) -> Sequence[str]:
        refuse = f"begin select raise(abort, 'rows of {table} are never changed or removed'); end"
        return [
            f"create trigger if not exists {table}_no_{what} before {what} on {table} {refuse}"
            for what in ("update", "delete")
        ]


class SQLiteConnection(Connection):
    """One connection; its transactions that write come one after the other, over all processes."""

    def __init__(self, path: Path) -> None:
        self._where = str(path)
        self._raw = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=256)
        try:
            for pragma in ("journal_mode = wal", "synchronous = full", "foreign_keys = on", "trusted_schema = off"):
                self._raw.execute(f"pragma {pragma}")
        except sqlite3.Error:
            self._raw.close()
            raise

    def begin(self, writes: bool) -> None:
        self.run("begin immediate" if writes else "begin", ())

    def run(self, statement: str, values: Sequence[Cell]) -> list[tuple[Any, ...]]:
        with _told_apart(self._where):
            return self._raw.execute(statement, tuple(values)).fetchall()

    def run_many(self, statement: str, rows: Sequence[Sequence[Cell]]) -> None:
        with _told_apart(self._where):
            self._raw.executemany(statement, rows)

    def commit(self) -> None:
        self.run("commit", ())

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._raw.close()

    def lock(self, name: str) -> None:
        """Do nothing: a transaction that writes is alone anyway."""


def file_system(path: Path) -> str:
    """Return the kind of file system that holds a path; empty where the machine does not tell."""
    try:
        lines = MOUNTS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    mounts = [(Path(parts[1].replace(r"\040", " ")), parts[2]) for parts in map(str.split, lines) if len(parts) > 2]
    resolved = path.resolve()
    holding = [(len(point.parts), kind) for point, kind in reversed(mounts) if resolved.is_relative_to(point)]
    return max(holding, default=(0, ""), key=itemgetter(0))[1]  # of several on one point the last hides the others


@contextmanager
def _told_apart(where: str) -> Iterator[None]:
    """Turn an error that may pass into Unavailable, and a damaged file into a UserError."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code: without what it says more closely
        if code in PASSING:
            raise Unavailable(str(error), is_full=code == sqlite3.SQLITE_FULL) from error
        if code in BROKEN:
            raise UserError(
                "the database is damaged, or none",
                where=where,
                found=str(error),
                fix="put a copy of it in its place, or move it away to begin a new one",
            ) from error
        raise
