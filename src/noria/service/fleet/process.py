"""A model in a process of its own, which may die: it is started anew, and who waited is told to ask again.

Two signs of life: a beat, which the process answers at once, and a probe, which takes its turn with the requests and
goes through the model (a record of its own where nobody asks for anything), so that health is never green while
requests hang. A process that is without beat, or whose model is without an answer for `hang_seconds`, is killed.
Where the process runs is link.py's.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

from noria.errors import UserError
from noria.service.fleet.link import Child, Connect, Link, Load
from noria.service.fleet.replica import Replica, died
from noria.service.request.exchange import Request, frame, reply_of, request_frame
from noria.service.request.limits import Limits

BEAT_SECONDS, LOST_BEATS = 1.0, 10  # a process that is stopped or starved for so long is taken for dead
PROBE_SECONDS = 5.0
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # before a process is started anew
STEADY_SECONDS = 60.0  # after which an end counts as the first again


class ProcessReplica(Replica):
    """One process; `start` it, and `stop` it in the end."""

    def __init__(self, load: Load, limits: Limits, tell: Callable[[str], None], connect: Connect = Child) -> None:
        super().__init__()
        self._load, self._limits, self._tell, self._connect = load, limits, tell, connect
        self._link: Link | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._beat = self._probed = 0.0
        self._probe_sent: float | None = None
        self._started: asyncio.Future[None] | None = None
        self._is_loaded = False
        self._num_waiting = 0
        self._drift: Mapping[str, Any] = {}

    @property
    def is_ready(self) -> bool:
        """Say whether the process answers: its model too, and lately."""
        is_late = self._probe_sent is not None and time.monotonic() - self._probe_sent > self._limits.hang_seconds / 2
        is_silent = time.monotonic() - self._beat > LOST_BEATS / 2 * BEAT_SECONDS
        return self.is_running and self._is_loaded and not is_late and not is_silent

    @property
    def pid(self) -> int | None:
        """Return the number of the process; None where none runs."""
        return None if self._link is None else self._link.pid

    @property
    def is_running(self) -> bool:
        """Say whether the process is up."""
        return self._link is not None and self._link.is_open

    @property
    def num_waiting(self) -> int:
        """Return how many requests the model had not begun at the last beat."""
        return min(self._num_waiting, self.num_going)

    @property
    def watched(self) -> Mapping[str, Any]:
        """Return what the process said last of its records beside those of calibration."""
        return self._drift

    async def start(self) -> None:
        """Start the process and wait until its model has answered; raise UserError where it cannot."""
        await self._launch()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End the process: what it is answering is lost."""
        self._is_stopping = True
        if self._keeper is not None:
            self._keeper.cancel()
        await self._end_process()
        self._fail_all(died("it was stopped"))

    async def _launch(self) -> None:
        self._is_loaded = False
        self._started = asyncio.get_running_loop().create_future()
        self._link = self._connect(self._load, self)
        load = {"do": "load", "name": self._load.name, "run": str(self._load.run), "engine": self._load.engine}
        try:
            async with asyncio.timeout(self._limits.start_seconds):
                await self._link.open()
                self._write(frame(load | {"threads": self._load.threads, "limits": dataclasses.asdict(self._limits)}))
                await self._started
        except TimeoutError as error:
            found = f"after {self._limits.start_seconds:g} seconds the process {self._link.state()}"
            await self._end_process()
            raise UserError(f"{self._load.name} does not start", where=str(self._load.run), found=found) from error
        except BaseException:  # also where the server is stopped meanwhile
            await self._end_process()
            raise
        self._beat = self._probed = time.monotonic()
        self._probe_sent, self._is_loaded = None, True

    async def _keep(self) -> None:
        """Watch over the process, and start it anew when it ends."""
        wait, since = FIRST_WAIT, time.monotonic()
        while not self._is_stopping:
            reason, before = await self._watched(), self.about.get("version")
            if time.monotonic() - since > STEADY_SECONDS:
                wait = FIRST_WAIT
            self._tell(f"{self._load.name}: the model's process {reason}; it is started anew in {wait:g} s")
            await self._end_process()
            self._fail_all(died(reason))
            while True:
                await asyncio.sleep(wait)
                self.num_restarts += 1
                wait = min(2 * wait, LONGEST_WAIT)
                try:
                    await self._launch()
                    break
                except Exception as error:  # noqa: BLE001  # whatever it is, it is tried again
                    await self._end_process()
                    self._tell(f"{self._load.name} cannot be started: {error}; again in {wait:g} s")
            since = time.monotonic()
            after = self.about.get("version")
            other = "" if after == before else f", as {after}, which stands now where {before} stood"
            self._tell(f"{self._load.name} answers again{other}")

    async def _watched(self) -> str:
        """Return when the process has ended or has to, and why."""
        woke = time.monotonic()
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            now = time.monotonic()
            if now - woke > LOST_BEATS / 2 * BEAT_SECONDS:  # this one was stopped itself: nothing is known
                self._beat, self._probe_sent = now, None if self._probe_sent is None else now
            woke = now
            if self._link is None or not self._link.is_open:
                return "has ended" if self._link is None else self._link.state()
            if now - self._beat > LOST_BEATS * BEAT_SECONDS:
                return f"gave no sign of life for {LOST_BEATS * BEAT_SECONDS:g} seconds"
            if self._probe_sent is not None and now - self._probe_sent > self._limits.hang_seconds:
                return f"gave no answer for {self._limits.hang_seconds:g} seconds"
            self._write(frame({"do": "beat"}))
            if self._probe_sent is None and now - self._probed > PROBE_SECONDS:
                self._probe_sent = now
                self._write(frame({"do": "probe"}))

    async def _end_process(self) -> None:
        if self._link is not None:
            await self._link.close()

    def _send(self, number: int, request: Request) -> None:
        if not self.is_running:
            raise died("it has just ended")
        self._write(request_frame(number, request))

    def _cancel(self, number: int) -> None:
        self._write(frame({"do": "cancel", "number": number}))

    def _write(self, data: bytes) -> None:
        if self._link is not None:
            self._link.write(data)

    def lost(self, link: Link) -> None:
        """Take note that nothing comes from a process any more."""
        if link is self._link:
            self._fail_all(died("its connection broke"))
            if self._started is not None and not self._started.done():
                self._started.set_exception(UserError(f"the process of {self._load.name} ended while it was loading"))

    def got(self, head: dict[str, Any], body: bytes) -> None:
        """Take a frame of the process."""
        self._beat = time.monotonic()
        match head["do"]:
            case "reply":
                self._take(head["number"], reply_of(head, body))
            case "beat":
                self._num_waiting = head["waiting"]
                self._drift = head.get("watched", self._drift)
            case "probed":
                self._probed, self._probe_sent = self._beat, None
            case "ready":
                self.about = head["about"]
                if self._started is not None and not self._started.done():
                    self._started.set_result(None)
            case "failed" if self._started is not None and not self._started.done():
                self._started.set_exception(UserError(head["reason"]))
