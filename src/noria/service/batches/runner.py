"""Looks for batches that a model of this server can answer, one at a time for each model, and works on them.

What breaks the work on one, a full disk or a database that is away, stands in the server's output; it is claimed again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from contextlib import suppress

from noria.errors import UserError
from noria.service.batches import batches, files
from noria.service.batches.apart import Apart
from noria.service.batches.batches import Batch
from noria.service.batches.ending import Lost
from noria.service.batches.work import Admits, BatchWork, Shared
from noria.service.fleet.models import Model, Models
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits

POLL_SECONDS = 5.0  # between two looks for what another server left, or a client has cancelled
STOP_SECONDS = 10.0  # for lines that are being answered when the server stops
_log = logging.getLogger(__name__)


class Runner:
    """Works on batches from `start` until `stop`."""

    def __init__(self, apart: Apart, models: Models, limits: Limits) -> None:
        self._shared = Shared(apart, models, limits)
        self._works: dict[asyncio.Task[None], str] = {}  # and the model that each asks
        self._look: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()

    def ask_first(self, admits: Admits) -> None:
        """Work only on batches whose key may still ask their model."""
        self._shared.admits = admits

    def start(self) -> None:
        """Begin to look for batches."""
        if self._look is None:
            self._look = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Look at once for what is new: a batch, or one that is cancelled."""
        self._shared.num_news += 1
        self._woken.set()

    async def stop(self) -> None:
        """Begin no line, store what is answered meanwhile, and let the batches go."""
        self._shared.ends = time.monotonic() + STOP_SECONDS
        if self._look is not None:
            self._look.cancel()
            with suppress(asyncio.CancelledError):
                await self._look
        if self._works:
            _, late = await asyncio.wait(self._works, timeout=2 * STOP_SECONDS)
            for one in late:
                one.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._shared.apart.close()

    async def _run(self) -> None:
        told, is_swept = "", False
        while True:
            self._woken.clear()
            try:
                if not is_swept:
                    await asyncio.to_thread(files.sweep)
                    is_swept = True
                while await self._is_begun():
                    pass
                told = ""
            except (HTTPError, UserError, OSError) as error:
                if str(error) != told:
                    _log.warning("batches wait: %s", error)
                told = str(error)
            except Exception:  # noqa: BLE001  # of a bug here, or of the database: it is looked again
                _log.exception("batches wait: looking for them broke")
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._woken.wait()

    async def _is_begun(self) -> bool:
        """Claim a batch and begin to work on it; say whether there was one."""
        busy, models = set(self._works.values()), {one.plan.name: one for one in self._shared.models.all}
        free = [name for name in models if name not in busy]
        holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}"
        apart, may_ask = self._shared.apart, self._shared.may_ask
        batch = await apart.run(lambda to: batches.claim(to, holder, free, apart.is_shared, may_ask))
        if batch is None:
            return False
        work = self._worked(batch, holder, models.get(batch.model))
        self._works[asyncio.create_task(work)] = batch.model
        return True

    async def _worked(self, batch: Batch, holder: str, model: Model | None) -> None:
        try:
            await BatchWork(self._shared, batch, holder, model).run()
        except Lost:
            _log.warning("%s is worked on by another server", batch.id)
        except (HTTPError, UserError, OSError) as error:
            _log.warning("%s waits: %s", batch.id, error)
        except Exception:  # noqa: BLE001  # of a bug here: the others are worked on
            _log.exception("%s waits: its work broke", batch.id)
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._works.pop(task, None)
            self._woken.set()
