"""The one thread in which the model runs, and how much may wait for it. The event loop is never blocked.

One thread, because one model already uses every core; what is read and what waits is counted here, in the event loop
alone, and so without locks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from typing import Any, TypeVar

from noria.errors import UserError
from noria.service.http_error import HTTPError
from noria.service.limits import Limits

Answer = TypeVar("Answer")


class Worker:
    """Runs jobs one after another, in the order they came."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._thread = ThreadPoolExecutor(1, "model")
        self._num_jobs, self._held_bytes, self._num_streams = 0, 0, 0
        self.is_busy = False  # set by the thread: a job is running now

    async def run(self, job: Callable[[], Answer]) -> Answer:
        """Return what the job returns; raise HTTPError (503) where too many wait already."""
        if self._num_jobs > self._limits.waiting:
            raise busy(f"{self._limits.waiting} requests are waiting for the model")
        return await self.go_on(job)

    async def go_on(self, job: Callable[[], Answer]) -> Answer:
        """Return what the next job of a request returns that was let in before."""
        self._num_jobs += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, job)
        finally:
            self._num_jobs -= 1

    def begin_stream(self) -> None:
        """Count an answer that is given piece by piece; raise HTTPError (503) where there are too many already."""
        if self._num_streams >= self._limits.streams:
            raise busy(f"{self._num_streams} answers are being given piece by piece")
        self._num_streams += 1

    def end_stream(self, pieces: Generator[Any] | None = None) -> None:
        """Count it off again; what made its pieces is closed in the thread, which may be in it still."""
        self._num_streams -= 1
        if pieces is not None:
            with suppress(RuntimeError):  # the thread starts no more jobs
                self._thread.submit(pieces.close)

    def hold(self, num_bytes: int) -> None:
        """Count bytes of a request that is not answered yet; raise HTTPError (503) where they are too many in all."""
        if self._held_bytes + num_bytes > self._limits.held_bytes:
            raise busy(f"the waiting requests hold {self._held_bytes} bytes")
        self._held_bytes += num_bytes

    def release(self, num_bytes: int) -> None:
        """Count the bytes of an answered request off again."""
        self._held_bytes -= num_bytes

    def close(self) -> None:
        """Start no more jobs."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _run(self, job: Callable[[], Answer]) -> Answer:
        self.is_busy = True
        try:
            return job()
        finally:
            self.is_busy = False


def busy(found: str) -> HTTPError:
    """Return the error of a request that would have to wait too long."""
    error = UserError("the server has too much to do", found=found, fix="ask again in a second")
    return HTTPError(error, HTTPStatus.SERVICE_UNAVAILABLE, code="overloaded", headers={"Retry-After": "1"})
