"""What a request used, booked in the ledger before the last byte of its answer goes out.

So whatever a client has got stands in the spool, whenever this process is killed. A spool that cannot be written does
not stop answers: entries wait in memory, are written later, and are counted in the metrics until then.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable

from starlette.types import Scope

from noria.ledger.entry import MICRO, About
from noria.ledger.spool import is_on
from noria.ledger.till import Till
from noria.service.request.served import Served

COLLECT_SECONDS = 60.0
_log = logging.getLogger(__name__)


class Booking:
    """Books what models were asked. threads: of a model's process, by the model's name."""

    def __init__(self, till: Till, threads: Callable[[str], int]) -> None:
        self.till, self._threads, self._cores = till, threads, os.cpu_count() or 1

    def book(self, scope: Scope) -> None:
        """Book a request that asked a model, once."""
        state = scope.get("state", {})
        served: Served | None = state.get("served")
        if served is None or served.is_booked or not served.model:
            return
        served.is_booked = True
        measured, (num_read, num_written) = served.measured, served.tokens
        if not measured.batch:
            return  # the model has not begun on it
        used = {
            "requests": 1,
            "predictions": measured.records,
            "tokens_read": num_read if measured.ended else 0,
            "tokens_written": num_written if measured.ended else 0,
            "model_micros": round(measured.own_seconds * MICRO),
            "machine_micros": round(measured.own_seconds * MICRO * self._threads(served.model) / self._cores),
        }
        grant = state.get("grant")
        client = "" if grant is None else grant.client
        about = About(served.model, served.version, "serve", client, "serve")
        self.till.book(about, {name: value for name, value in used.items() if value}, kept=served.answers)


async def collect_now_and_then() -> None:
    """Bring the spool into the database, in a process of its own, as long as this one serves."""
    while is_on():
        await asyncio.sleep(COLLECT_SECONDS)
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "noria.ledger", stdin=asyncio.subprocess.DEVNULL
            )
        except OSError as error:  # no memory, process or file is left at the moment
            _log.warning("the spool waits, no process can be started to collect it: %s", error)
            continue
        try:
            await child.wait()
        finally:
            if child.returncode is None:
                child.kill()
