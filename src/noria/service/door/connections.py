"""Which connections are open, what each waits for, and since when: the oldest that only waits makes room for a new one.

    SILENT   no byte of a request yet      closed           UNREAD   the client does not read its answer   aborted
    HEAD     headers that are not whole    told 408         CLOSING  closed, but not yet gone              aborted

A connection whose request is being answered waits for us, and has no deadline here. One clock looks at all of them once
a second, at those that are overdue alone: a deadline of its own for each connection would be set at each byte. Knows no
HTTP. Read next: protocol.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from enum import Enum
from itertools import chain
from typing import Protocol

from noria.service.request.limits import Limits

TICK_SECONDS = 1.0


class Phase(Enum):
    """What a connection waits for."""

    SILENT = "silent"
    HEAD = "head"
    UNREAD = "unread"
    CLOSING = "closing"


class Connection(Protocol):
    """What is asked of a connection here."""

    def is_closing(self) -> bool:
        """Say whether it was closed already, by whomever."""

    def num_unread(self) -> int:
        """Return how many bytes of its answer the client has not taken yet."""

    def give_up(self, phase: Phase) -> None:
        """End it: it has waited too long."""


class Connections:
    """The open connections, no more than there may be as long as one of them only waits for its client."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.connections
        self._open: dict[Connection, Phase | None] = {}
        self._since: dict[Phase, dict[Connection, float]] = {phase: {} for phase in Phase}  # the oldest stands first
        self._seconds = {
            Phase.SILENT: limits.silent_seconds,
            Phase.HEAD: limits.head_seconds,
            Phase.UNREAD: limits.unread_seconds,
            Phase.CLOSING: limits.unread_seconds,
        }
        self._num_unread: dict[Connection, int] = {}  # when it was looked at last
        self._clock: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, connection: Connection) -> None:
        """Count a new connection; where there are too many, the one that has waited longest for its client goes."""
        self._open[connection] = None
        self.enter(connection, Phase.SILENT)
        if len(self._open) > self._most:
            self.make_room()
        if self._clock is None:
            self._clock = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def closed(self, connection: Connection) -> None:
        """Count a connection off that is gone."""
        phase = self._open.pop(connection, None)
        self._num_unread.pop(connection, None)
        if phase is not None:
            self._since[phase].pop(connection, None)
        if not self._open and self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def enter(self, connection: Connection, phase: Phase | None) -> None:
        """Note what a connection waits for from now on; None: for us."""
        before = self._open.get(connection, phase)
        if connection not in self._open or before in (phase, Phase.CLOSING):
            return
        if before is not None:
            self._since[before].pop(connection, None)
        self._open[connection] = phase
        if phase is not None:
            self._since[phase][connection] = asyncio.get_running_loop().time()
        if phase is Phase.UNREAD:
            self._num_unread[connection] = connection.num_unread()

    def phase(self, connection: Connection) -> Phase | None:
        """Return what a connection waits for."""
        return self._open.get(connection)

    def make_room(self) -> None:
        """Give up the connection that has waited longest for its client, if there is one."""
        waiting = chain(self._since[Phase.SILENT], self._since[Phase.HEAD], self._since[Phase.UNREAD])
        if (oldest := next(waiting, None)) is not None:
            self._give_up(oldest)

    def sweep(self) -> None:
        """Give up all that have waited too long."""
        for connection in [one for one in self._open if one.is_closing()]:
            self.enter(connection, Phase.CLOSING)
        for connection in list(self._overdue()):
            if self._is_reading(connection):
                since = self._since[Phase.UNREAD]
                del since[connection]  # it is the newest again: slow, but not gone
                since[connection] = asyncio.get_running_loop().time()
            else:
                self._give_up(connection)

    def _overdue(self) -> Iterator[Connection]:
        now = asyncio.get_running_loop().time()
        for phase, since in self._since.items():
            for connection, began in since.items():
                if now - began < self._seconds[phase]:
                    break
                yield connection

    def _is_reading(self, connection: Connection) -> bool:
        """Say whether a client has taken some of its answer since it was looked at last."""
        if self._open[connection] is not Phase.UNREAD:
            return False
        before, now = self._num_unread.get(connection), connection.num_unread()
        self._num_unread[connection] = now
        return before is not None and now < before

    def _give_up(self, connection: Connection) -> None:
        phase = self._open[connection]
        assert phase is not None
        self.enter(connection, Phase.CLOSING)
        connection.give_up(phase)

    def _tick(self) -> None:
        self._clock = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)
        self.sweep()
