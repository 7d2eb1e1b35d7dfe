"""Transactions that are done again until they are done: by a lock that is held, a full disk, a server that is gone.

Whether a transaction was carried out whose reply got lost nobody can know. So there is one rule for all who write here:
doing it twice changes nothing. Read next: connection.py, sqlite.py, postgres.py.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from noria.database.connection import Backend, Connection, Unavailable
from noria.database.home import home
from noria.database.postgres import PostgreSQL
from noria.database.schema import Schema
from noria.database.sqlite import SQLite
from noria.database.transaction import Transaction
from noria.errors import EXIT_DISK_FULL, UserError

Result = TypeVar("Result")
PATIENCE = 60.0  # seconds that a transaction is tried for
PAUSES = (0.02, 2.0)  # seconds before a transaction is tried again: at first, and at most
FILE = "noria.db"


class DatabaseAway(UserError):
    """The database did not do it for as long as one was ready to wait; it may do it later."""


class Database:
    """A database that any number of threads and processes use.

    >>> database = open_database()
    >>> database.transact(lambda transaction: transaction.run("select 1"))
    [(1,)]

    patience: for how many seconds a transaction is tried.
    """

    def __init__(self, backend: Backend, patience: float = PATIENCE) -> None:
        self._backend, self._patience = backend, patience
        self._own = threading.local()
        self.where, self.is_shared = backend.where, backend.is_shared

    def transact(self, work: Callable[[Transaction], Result], writes: bool = True) -> Result:
        """Carry out `work`, which is run again where the database was busy or away: twice must be as once.

        Without `writes` it only reads, and waits for nobody. Raises DatabaseAway when patience has run out; what the
        work raises undoes the transaction.
        """
        end, pause = time.monotonic() + self._patience, PAUSES[0]
        while True:
            try:
                return self._once(work, writes)
            except Unavailable as error:
                if time.monotonic() > end:
                    raise self._told(error) from error
            time.sleep(pause)
            pause = min(pause * 2, PAUSES[1])

    def prepare(self, schema: Schema) -> None:
        """Make the tables of a room, or bring them up to this version."""
        self.transact(lambda transaction: schema.bring_up(transaction, self.where))

    def close(self) -> None:
        """Close this thread's connection; the next transaction opens another."""
        if (connection := self._kept()) is not None:
            connection.close()
        self._own.__dict__.clear()

    def _once(self, work: Callable[[Transaction], Result], writes: bool) -> Result:
        connection = self._kept()
        if connection is None:
            connection = self._backend.connect()
            self._own.connection, self._own.process = connection, os.getpid()
        try:
            connection.begin(writes)
            result = work(Transaction(connection, self._backend))
            connection.commit()
        except BaseException:  # Ctrl-C too: the reply to a statement may still be on its way
            self.close()
            raise
        return result

    def _kept(self) -> Connection | None:
        """Return this thread's connection; none of the process that this one was forked from."""
        is_own = getattr(self._own, "process", None) == os.getpid()
        return self._own.connection if is_own else None

    def _told(self, error: Unavailable) -> UserError:
        if error.is_full:
            fix = "free some space and run the same command again"
            return DatabaseAway("the database's disk is full", where=self.where, fix=fix, exit_code=EXIT_DISK_FULL)
        return DatabaseAway(
            f"the database did not answer for {self._patience:.0f} seconds",
            where=self.where,
            found=str(error),
            fix="see whether it runs and can be written, and run the same command again",
        )


def open_database(url: str | None = None, patience: float = PATIENCE) -> Database:
    """Return the database at a URL: by default $NORIA_DATABASE, or else a file of SQLite in the home folder.

    url: postgresql://..., sqlite:///absolute/path, or a path. Nothing is opened before the first transaction.
    """
    url = url or os.environ.get("NORIA_DATABASE") or str(home() / FILE)
    scheme, found, rest = url.partition("://")
    if found and scheme in ("postgresql", "postgres"):
        return Database(PostgreSQL(url), patience)
    if found and scheme != "sqlite":
        expected = "postgresql://..., or the path of a file of SQLite"
        raise UserError("there is no such kind of database", found=f"{scheme}://", expected=expected)
    return Database(SQLite(Path(rest if found else url).expanduser()), patience)
