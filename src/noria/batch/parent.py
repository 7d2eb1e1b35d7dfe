"""The workers of this machine, or of a cluster: started, started again where they die, and ended with their parent.

Two parents of one job are harmless: they share its shards. Read next: processes.py, worker.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from noria.batch.assembly import sweep
from noria.batch.job import Job, find_job
from noria.batch.names import release_the_dead
from noria.batch.processes import Child, Start, WorkerProcess, log_of
from noria.batch.progress import progress_of
from noria.batch.shards import release
from noria.database import Database, DatabaseAway
from noria.errors import EXIT_DISK_FULL
from noria.reporter import Reporter, Terminal

LOOK_SECONDS = 0.2  # between two looks at the workers
PROGRESS_SECONDS = 1.0  # between two looks at the job
PAUSES = (0.5, 60.0)  # seconds before a worker that died is started again: at first, and at most
LONG_SECONDS = 60.0  # that a worker lives for which did not die of how it was started


@dataclass
class _Slot:
    """A place for a worker: the process, and when the next is started should it die."""

    process: WorkerProcess | None = None
    started: float = 0.0
    due: float = 0.0
    pause: float = PAUSES[0]


@dataclass
class Workers:
    """Worker processes at a job, or at all jobs where `job` is empty."""

    database: Database
    count: int = 1
    job: str = ""
    tell: Callable[[str], None] = lambda _: None
    start: Start = Child
    _slots: list[_Slot] = field(default_factory=list)

    def __enter__(self) -> Workers:
        release_the_dead(self.database)
        sweep(self.database)
        self._slots = [_Slot() for _ in range(self.count)]
        return self

    def __exit__(self, *_: object) -> None:
        for slot in self._slots:
            if slot.process is not None:
                slot.process.end()
                with suppress(DatabaseAway):
                    release(self.database, slot.process.name, is_to_blame=False)

    def look(self) -> None:
        """Start the workers that are due, and see to those that died."""
        for slot in self._slots:
            if slot.process is None:
                if time.monotonic() >= slot.due:
                    slot.process, slot.started = self.start(self.job, self.count), time.monotonic()
            elif (code := slot.process.ended()) is not None:
                self._ended(slot, slot.process, code)

    def _ended(self, slot: _Slot, process: WorkerProcess, code: int) -> None:
        process.end()  # what is left of it
        slot.process = None
        with suppress(DatabaseAway):  # then the lease runs out
            release(self.database, process.name)
        if time.monotonic() - slot.started > LONG_SECONDS:
            slot.pause = PAUSES[0]
        slot.due = time.monotonic() + slot.pause
        if code:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
            how = "found the disk full" if code == EXIT_DISK_FULL else how
            again = f"the next begins in {slot.pause:.3g} s; {log_of(self.job)} may say more"
            self.tell(f"a worker {how}: {again}")
            slot.pause = min(2 * slot.pause, PAUSES[1])


def work_through(
    database: Database, job: Job, workers: int = 1, reporter: Reporter | None = None, start: Start = Child
) -> Job:
    """Work at a job until it is over; return it as it then is. Whoever stops this resumes it later."""
    reporter = reporter or Terminal()
    with (
        Workers(database, workers, job.id, reporter.say, start) as some,
        reporter.progress("batch", job.num_rows) as bar,
    ):
        seen = 0.0
        while True:
            some.look()
            if time.monotonic() - seen > PROGRESS_SECONDS:
                with suppress(DatabaseAway):  # the workers wait for it too
                    job = find_job(database, job.id)
                    bar.advance(progress_of(database, job).num_done)
                if job.is_over:
                    return job
                seen = time.monotonic()
            time.sleep(LOOK_SECONDS)


def work_for_all(database: Database, workers: int = 1, reporter: Reporter | None = None, start: Start = Child) -> None:
    """Work at every job of the database, those that are submitted later too, until somebody stops this."""
    with Workers(database, workers, "", (reporter or Terminal()).say, start) as some:
        while True:
            some.look()
            time.sleep(LOOK_SECONDS)
