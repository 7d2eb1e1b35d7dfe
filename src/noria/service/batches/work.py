"""A batch at work: its lines are asked, a window of them at a time, below live traffic; what is answered is stored.

While a client's request is in the model no new line is asked. Lines take three quarters of the places that the model
has for requests, and a sixteenth as long as clients came within the last seconds.

Where a process ends, or the server did, any of the lines that were in it may be why: each is asked alone then, and one
that was begun so three times without an answer is given up.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from noria.database import Transaction
from noria.service.batches import batches, files
from noria.service.batches.answer import Answer, unanswered
from noria.service.batches.apart import Apart
from noria.service.batches.batches import LEASE_SECONDS, Batch
from noria.service.batches.booked import Bookkeeper
from noria.service.batches.ending import Lost, write_files
from noria.service.batches.line import TRIES, Asker, Died
from noria.service.batches.lines import Line, read_line, route_of, texts_of
from noria.service.fleet.models import Model, Models
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits

TICK_SECONDS = 0.02
FLUSH_SECONDS, FLUSH_ANSWERS = 0.25, 64
RENEW_SECONDS = LEASE_SECONDS / 3
SLICE_SECONDS = 60.0  # after which it is another batch's turn
QUIET_SECONDS = 10.0  # since a client's last request
READ_LINES, READ_BYTES = 32, 1 << 20  # at a time
HELD_BYTES = 1 << 25  # of all lines that are being asked
GIVEN_UP = {
    "expired": ("batch_expired", "the line was not answered within the completion window"),
    "withdrawn": ("key_withdrawn", "the key that asked for the batch may not ask this model any more"),
    "cancelled": ("batch_cancelled", "the batch was cancelled before the line was answered"),
}


_log = logging.getLogger(__name__)


Admits = Callable[[str, str, str], bool]  # whether the key of an owner may do what a verb says with a model


class Unreadable(Exception):
    """A line that was read when it was sent cannot be any more: by lower limits, or another version of the package."""


@dataclass
class Shared:
    """What all batches of a server have in common."""

    apart: Apart
    models: Models
    limits: Limits
    num_news: int = 0  # how often a client has changed something
    ends: float = math.inf  # when lines that are being answered are given up, as the server stops
    admits: Admits = lambda *_: True

    @property
    def is_stopping(self) -> bool:
        """Say whether nothing new is begun."""
        return self.ends < math.inf

    def may_ask(self, owner: str, endpoint: str, model: str) -> bool:
        """Say whether a batch of an owner may be worked on: not where its key was withdrawn, or is for less by now."""
        route = route_of(endpoint)
        return route is not None and self.admits(owner, route[0].verb, model)


class BatchWork:
    """One batch, as it was before this holder claimed it. model: None where it is not served here."""

    def __init__(self, shared: Shared, batch: Batch, holder: str, model: Model | None) -> None:
        self._shared, self._batch, self._holder, self._model = shared, batch, holder, model
        self._was_broken_off = batch.holder is not None  # whoever had it before did not let it go
        self._asker = None if model is None else Asker(shared.models, model, shared.limits, batch.id, batch.owner)
        self._bookkeeper = Bookkeeper(batch, 1 if model is None else model.plan.threads)
        self._going: dict[asyncio.Task[Answer], Line] = {}
        self._suspects: deque[Line] = deque()
        self._answers: list[Answer] = []
        self._lines = _Lines(iter(()))
        self._num_news = shared.num_news
        self._begun = self._flushed = self._renewed = time.monotonic()
        self._clock_offset = 0.0  # from this clock to the database's: a machine whose time is wrong ends nobody's batch

    async def run(self) -> None:
        """Work until it ends, or until it is another's turn."""
        path = files.path_of(self._batch.file)
        if not path.is_file():
            told = "the file of requests is not there any more"
            await self._shared.apart.run(lambda to: batches.finish(to, self._batch, "failed", error=told))
            return
        self._clock_offset = await self._shared.apart.run(Transaction.now, writes=False) - time.monotonic()
        done = await self._shared.apart.run(lambda to: batches.answered(to, self._batch), writes=False)
        self._lines = _Lines(_unanswered(path, self._shared.limits, done))
        try:
            await self._work(path)
        except Unreadable as error:
            told = f"the file of requests cannot be read any more: {error}"
            await self._shared.apart.run(lambda to: batches.finish(to, self._batch, "failed", error=told))

    async def _work(self, path: Path) -> None:
        try:
            ending = self._batch.ending or await self._answer_all()
        finally:
            for task in self._going:
                task.cancel()
            await asyncio.gather(*self._going, return_exceptions=True)
        if ending is None:
            await self._shared.apart.run(lambda to: batches.release(to, self._batch, self._holder))
            return
        await self._end(path, ending)

    async def _end(self, path: Path, ending: str) -> None:
        """Give up what has no answer, and write the files."""
        await self._shared.apart.run(lambda to: batches.end(to, self._batch, ending))
        if ending in GIVEN_UP:
            done = await self._shared.apart.run(lambda to: batches.answered(to, self._batch), writes=False)
            rest = _unanswered(path, self._shared.limits, done)
            why = GIVEN_UP[ending if ending != "expired" or self._may_ask() else "withdrawn"]
            while lines := await asyncio.to_thread(lambda: list(islice(rest, READ_LINES))):
                self._answers = [unanswered(self._batch.id, line, *why) for line in lines]
                await self._flush()
        await write_files(self._shared.apart, replace(self._batch, ending=ending), self._holder)

    async def _answer_all(self) -> str | None:
        """Ask the lines that have no answer; return how the batch ends, None where it is another's turn."""
        if self._was_broken_off and self._model is not None:
            lines = await self._lines.take(self._most())
            tries = await self._shared.apart.run(lambda to: batches.tries(to, self._batch), writes=False)
            self._suspects = deque(sorted(lines, key=lambda line: tries.get(line.number, 0)))
        while True:
            if self._batch.status == "cancelling":
                return "cancelled"
            if time.monotonic() + self._clock_offset >= self._batch.expires or self._model is None:
                return "expired"
            if not self._may_ask():  # it goes on once a key of this name may ask again, or ends with its time
                _log.warning("%s waits: its key may not ask %s any more", self._batch.id, self._batch.model)
                await self._flush()
                return None
            is_over = self._shared.is_stopping or time.monotonic() - self._begun > SLICE_SECONDS
            if not is_over:
                await self._send()
            elif not self._going or time.monotonic() > self._shared.ends:
                await self._flush()
                return None
            if not self._going and not self._suspects and self._lines.is_over:
                await self._flush()
                return "completed"
            await self._collect()

    def _may_ask(self) -> bool:
        return self._shared.may_ask(self._batch.owner, self._batch.endpoint, self._batch.model)

    async def _send(self) -> None:
        """Ask as many lines as the model has room for."""
        if self._suspects:
            if not self._going and self._has_room():
                await self._send_alone(self._suspects.popleft())
            return
        while self._has_room() and (lines := await self._lines.take(1)):
            self._begin(lines[0])

    async def _send_alone(self, line: Line) -> None:
        """Ask a line that may have ended a process; give it up where it did so three times."""
        await self._flush()  # or the lines before would be suspected of what this one does
        tries = await self._shared.apart.run(lambda to: batches.begin_alone(to, self._batch, line.number))
        if tries <= TRIES:
            self._begin(line)
            return
        told = f"the model's process ended {TRIES} times while it answered this line alone"
        self._answers.append(unanswered(self._batch.id, line, "model_died", told))

    def _begin(self, line: Line) -> None:
        assert self._asker is not None
        self._going[asyncio.create_task(self._asker.answer(line))] = line

    def _has_room(self) -> bool:
        """Say whether a line may be asked now."""
        if self._model is None or self._asker is None or not self._model.current.ready:
            return False
        num_live = self._model.current.num_going - self._asker.num_asked
        held = sum(len(line.request.body) for line in self._going.values())
        return num_live <= 0 and len(self._going) < self._most() and held < HELD_BYTES

    def _most(self) -> int:
        """Return how many lines are asked at a time."""
        assert self._model is not None
        told, limits = self._model.about().told, self._shared.limits
        places = limits.streams if told.get("is_writing") else limits.waiting
        is_quiet = time.monotonic() - self._model.asked > QUIET_SECONDS
        return max(1, places * (12 if is_quiet else 1) // 16) * max(1, len(self._model.current.ready))

    async def _collect(self) -> None:
        """Wait a little, take what is answered, and store it from time to time."""
        if self._going:
            await asyncio.wait(self._going, timeout=TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(TICK_SECONDS)
        for task in [one for one in self._going if one.done()]:
            line = self._going.pop(task)
            try:
                self._answers.append(task.result())
            except Died:
                self._suspects.append(line)
            except Exception:  # noqa: BLE001  # of a bug here: told, and the other lines are asked
                _log.exception("line %s of %s could not be asked", line.number, self._batch.id)
                told = "something is broken in the server; its log says what"
                self._answers.append(unanswered(self._batch.id, line, "internal_error", told))
        now = time.monotonic()
        is_due = self._answers and (now - self._flushed > FLUSH_SECONDS or len(self._answers) >= FLUSH_ANSWERS)
        if is_due or now - self._renewed > RENEW_SECONDS or self._num_news != self._shared.num_news:
            await self._flush()

    async def _flush(self) -> None:
        """Store what is answered and renew the lease; raise Lost."""
        self._num_news = self._shared.num_news
        answers, self._answers = self._answers, []
        book = self._bookkeeper.prepared(answers)
        kept = await self._shared.apart.run(lambda to: batches.keep(to, self._batch, self._holder, answers, book))
        if kept is None:
            raise Lost
        self._batch = kept
        self._flushed = self._renewed = time.monotonic()


class _Lines:
    """The lines of a file as they are needed, read in a thread."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._source, self._read = lines, deque[Line]()
        self._is_exhausted = False

    @property
    def is_over(self) -> bool:
        """Say whether all were taken."""
        return self._is_exhausted and not self._read

    async def take(self, count: int) -> Sequence[Line]:
        """Return so many lines; fewer only where there are no more."""
        while len(self._read) < count and not self._is_exhausted:
            await asyncio.to_thread(self._read_some)
        return [self._read.popleft() for _ in range(min(count, len(self._read)))]

    def _read_some(self) -> None:
        num_bytes = 0
        for line in islice(self._source, READ_LINES):
            self._read.append(line)
            num_bytes += len(line.request.body)
            if num_bytes > READ_BYTES:
                return
        self._is_exhausted = num_bytes == 0


def _unanswered(path: Path, limits: Limits, done: set[int]) -> Iterator[Line]:
    try:
        for number, text in texts_of(path, limits):
            if number not in done:
                yield read_line(text, number, limits)
    except HTTPError as error:
        raise Unreadable(str(error)) from error
