"""The till of one process: it prices what is used and puts it into the spool, each with a key of its own.

    with Clock(Till(), About(model="digits", activity="train")): ...

books the seconds of what is done within, every few seconds and at the end: a kill loses the last interval at most.
Read next: prices.py, spool.py.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from noria.database.home import home
from noria.errors import UserError
from noria.ledger.answers import Chunk, Valued, Valuing
from noria.ledger.entry import MICRO, About, plain
from noria.ledger.prices import FILE, Prices
from noria.ledger.spool import Spool, Spooled, is_on

LOOK_SECONDS = 5.0  # between two looks at whether the prices have changed
TICK_SECONDS = 10.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answers:
    """Answers to one request, and what says what they were worth. source: the id of the request."""

    source: str
    valued: Valued
    valuing: str


class Till:
    """Books for one process. Raises UserError, when it is opened, for a file of prices that cannot be used.

    Keys are ACTIVITY/PROCESS/NUMBER. num_entries: the last number.
    """

    def __init__(self, spool: Spool | None = None) -> None:
        self.spool = spool or Spool()
        self.process, self.num_entries = uuid.uuid4().hex, 0
        self._carried: dict[str, float] = {}
        self._versions: set[str] = set()
        self._lock = threading.Lock()
        self._looked, self._changed = 0.0, 0.0
        self._prices = Prices.load() if is_on() else None
        self._note_change()

    def book(
        self, about: About, quantities: Mapping[str, int], *, key: str = "", time_s: float | None = None,
        kept: Answers | None = None,
    ) -> None:  # fmt: skip
        """Price what was used and put it into the spool; never raises. key: by default one of this process's own.

        kept: the answers that were given, where they are worth something.
        """
        if not is_on() or self._prices is None:
            return
        with self._lock:
            self._look_at_prices()
            self.num_entries += 1
            key = key or f"{about.activity}/{self.process}/{self.num_entries}"
            when = time.time() if time_s is None else time_s
            try:
                entry = self._prices.entry(key, when, about, quantities, self._carried)
                answers = [] if kept is None else self._kept(kept, about, when)
            except (ValueError, OverflowError) as error:  # a clock before 1970, say
                self.spool.num_lost += 1
                _log.error("the ledger cannot hold this, it is not booked: %s", error)
                return
        self.spool.append([entry, *answers])

    def _kept(self, kept: Answers, about: About, when: float) -> list[Spooled]:
        """Return what is written of answers: once in a process, what says what those of a version were worth."""
        is_known = about.version in self._versions
        self._versions.add(about.version)
        valuing = [] if is_known else [Valuing(about.version, kept.valuing)]
        assert self._prices is not None
        currency = kept.valued.currency or self._prices.currency
        return [*valuing, Chunk(kept.source, 0, when, about, replace(kept.valued, currency=currency))]

    def close(self) -> None:
        """Write what waits."""
        self.spool.close()

    def _look_at_prices(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        if self._note_change():
            try:
                self._prices = Prices.load()
            except UserError as error:
                _log.error("the prices before stay in force: %s", error)

    def _note_change(self) -> bool:
        """Say whether the file of prices is another than at the last look."""
        before, self._looked = self._changed, time.monotonic()
        try:
            self._changed = (home() / FILE).stat().st_mtime
        except (OSError, UserError):
            self._changed = 0.0
        return self._changed != before


class Clock:
    """Books the time that is spent within it. On a machine with an accelerator, `is_whole`, all of the machine's.

    Else the share of its cores that this process and its children keep busy.
    """

    def __init__(self, till: Till, about: About, is_whole: bool = False) -> None:
        self._till, self.about, self._is_whole = till, about, is_whole
        self._counted: dict[str, int] = {}
        self._lock, self._is_over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def count(self, **quantities: int) -> None:
        """Add to what is booked with the next seconds: predictions=3."""
        with self._lock:
            for name, value in quantities.items():
                self._counted[name] = self._counted.get(name, 0) + value

    def __enter__(self) -> Clock:
        self._wall, self._cpu = time.monotonic(), _cpu_seconds()
        if is_on():
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._tick()
        self._till.close()

    def _run(self) -> None:
        while not self._is_over.wait(TICK_SECONDS):
            self._tick()

    def _tick(self) -> None:
        with self._lock:
            wall, cpu = time.monotonic(), _cpu_seconds()
            wall_s, cpu_s = wall - self._wall, cpu - self._cpu
            self._wall, self._cpu = wall, cpu
            counted, self._counted = self._counted, {}
        share_s = wall_s if self._is_whole else cpu_s / (os.cpu_count() or 1)
        spent = {"wall_micros": round(wall_s * MICRO), "machine_micros": round(share_s * MICRO)}
        self._till.book(self.about, {**counted, **spent})


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of the children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def name_of_run(path: str | os.PathLike[str]) -> str:
    """Return what a run is called, in the ledger and as a model of a service: by its folder.

    A candidate of the wheel, RUN/wheel/turn-3/run, is called as RUN: what it costs and earns is that of one model.
    """
    folder = Path(path).expanduser().resolve()
    folder = folder.parent if folder.name == "bundle" else folder
    is_candidate = folder.match("*/wheel/turn-*/run")
    return plain(folder.parents[2].name if is_candidate else folder.name)
