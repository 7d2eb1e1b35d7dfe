"""Statements that are carried out together, in words that both kinds of database know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from noria.database.connection import Backend, Cell, Connection


class Transaction:
    """Statements that are carried out together, or not at all."""

    def __init__(self, connection: Connection, backend: Backend) -> None:
        self._connection, self._backend = connection, backend
        self.skip_locked = backend.skip_locked

    def run(self, statement: str, *values: Cell) -> list[tuple[Any, ...]]:
        """Run a statement with its values in place of the question marks; return its rows."""
        return self._connection.run(statement, values)

    def run_many(self, statement: str, rows: Sequence[Sequence[Cell]]) -> None:
        """Run a statement once for each row of values."""
        self._connection.run_many(statement, rows)

    def now(self) -> float:
        """Return the time by the database's clock, which may jump: seconds since 1970."""
        return float(self.run(f"select {self._backend.now}")[0][0])

    def lock(self, name: str) -> None:
        """Wait until no other transaction holds this name, and hold it until the end."""
        self._connection.lock(name)

    def make_append_only(self, table: str) -> None:
        """Have the database refuse whatever would change or remove a row of a table."""
        for statement in self._backend.append_only(table):
            self.run(statement)
