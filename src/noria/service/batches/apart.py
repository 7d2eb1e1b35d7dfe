"""The database, from the event loop: one thread has it, so that whatever it waits for holds up no live request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TypeVar

from noria.database import Database, Schema, Transaction, open_database
from noria.errors import UserError
from noria.service.request.http_error import HTTPError

PATIENCE = 10.0  # seconds that a client waits for the database; a batch waits as long as it takes
Result = TypeVar("Result")


class Apart:
    """A database in a thread of its own; it is opened when it is first needed."""

    def __init__(
        self, schemas: Sequence[Schema], make: Callable[[], Database] = lambda: open_database(patience=PATIENCE)
    ) -> None:
        self._schemas, self._make = schemas, make
        self._database: Database | None = None
        self._thread = ThreadPoolExecutor(1, "database")

    async def run(self, work: Callable[[Transaction], Result], writes: bool = True) -> Result:
        """Carry out `work`, whose repetition must change nothing; raise HTTPError (503) where the database is away."""
        return await self.apply(lambda database: database.transact(work, writes))

    async def apply(self, work: Callable[[Database], Result]) -> Result:
        """Have `work` done with the database, in transactions of its own; raise HTTPError (503) where it is away."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._apply, work)
        except UserError as error:
            raise HTTPError(error, HTTPStatus.SERVICE_UNAVAILABLE, code="database_away") from error

    @property
    def is_shared(self) -> bool:
        """Say whether other machines may use it too; known once it is open."""
        return self._database is not None and self._database.is_shared

    async def close(self) -> None:
        """Close the database; the next run opens it again."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)

    def _apply(self, work: Callable[[Database], Result]) -> Result:
        if self._database is None:
            database = self._make()
            for one in self._schemas:
                database.prepare(one)
            self._database = database
        return work(self._database)

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
