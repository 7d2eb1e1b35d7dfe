"""What a kind of database must do: connect, run a statement, begin and end, and tell its own failures apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

Cell: TypeAlias = "str | int | float | bytes | None"


class Unavailable(Exception):
    """The database did not do it, and may do it later: it is busy, full, being started, or cannot be reached.

    Whether the transaction was carried out is not known. is_full: its disk is.
    """

    def __init__(self, reason: str, is_full: bool = False) -> None:
        super().__init__(reason)
        self.is_full = is_full


class Connection(ABC):
    """A connection that one thread uses. Whatever is raised in the middle of a transaction, it is to be closed then.

    Every method may raise Unavailable.
    """

    @abstractmethod
    def begin(self, writes: bool) -> None:
        """Begin a transaction; one that writes waits for its turn, and no other can break it off."""

    @abstractmethod
    def run(self, statement: str, values: Sequence[Cell]) -> list[tuple[Any, ...]]:
        """Run a statement; return its rows, of one that has none the empty list."""

    @abstractmethod
    def run_many(self, statement: str, rows: Sequence[Sequence[Cell]]) -> None:
        """Run a statement once for each row of values."""

    @abstractmethod
    def commit(self) -> None:
        """Carry the transaction out: when this returns it is on the disk."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection, which undoes the transaction; never raises."""

    @abstractmethod
    def lock(self, name: str) -> None:
        """Let no other transaction that locks the same name go on before this one has ended."""


class Backend(ABC):
    """A kind of database at one place."""

    where: str  # as it is shown to people: without a password
    skip_locked: str  # what a `select` that claims rows ends with
    now: str  # the expression for the time, seconds since 1970: of the server's clock where there is one
    is_shared: bool  # several machines may use it

    @abstractmethod
    def connect(self) -> Connection:
        """Return a new connection. Raises Unavailable, and UserError for what waiting does not mend."""

    @abstractmethod
    def append_only(self, table: str) -> Sequence[str]:
        """Return the statements that let nobody change or remove a row of a table; running them twice is as once."""
