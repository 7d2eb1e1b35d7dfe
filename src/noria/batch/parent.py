"""The workers of this machine: started, started again where they die, and ended with their parent.

Two parents of one job are harmless: they share its shards. Read next: worker.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from noria.batch.assembly import sweep
from noria.batch.job import Job, find_job
from noria.batch.names import release_the_dead, worker_name
from noria.batch.progress import progress_of
from noria.batch.shards import release
from noria.batch.submission import FOLDER
from noria.database import Database, DatabaseAway
from noria.database.home import home
from noria.errors import EXIT_DISK_FULL
from noria.reporter import Reporter, Terminal

LOOK_SECONDS = 0.2  # between two looks at the workers
PROGRESS_SECONDS = 1.0  # between two looks at the job
PAUSES = (0.5, 60.0)  # seconds before a worker that died is started again: at first, and at most
LONG_SECONDS = 60.0  # that a worker lives for which did not die of how it was started


@dataclass
class _Slot:
    """A place for a worker: the process, and when the next is started should it die."""

    process: subprocess.Popen[bytes] | None = None
    name: str = ""
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
    _slots: list[_Slot] = field(default_factory=list)

    def __enter__(self) -> Workers:
        release_the_dead(self.database)
        sweep(self.database)
        self._slots = [_Slot() for _ in range(self.count)]
        return self

    def __exit__(self, *_: object) -> None:
        for slot in self._slots:
            if slot.process is not None:
                slot.process.kill()
                slot.process.wait()
                _close(slot)
                with suppress(DatabaseAway):
                    release(self.database, slot.name, is_to_blame=False)

    def look(self) -> None:
        """Start the workers that are due, and see to those that died."""
        for slot in self._slots:
            if slot.process is None:
                if time.monotonic() >= slot.due:
                    self._start(slot)
            elif (code := slot.process.poll()) is not None:
                self._ended(slot, code)

    def _start(self, slot: _Slot) -> None:
        threads = str(max(1, (os.cpu_count() or 1) // self.count))
        environment = {"OMP_NUM_THREADS": threads, **os.environ}
        with log_of(self.job).open("ab") as log:
            slot.process = subprocess.Popen(
                [sys.executable, "-m", "noria.batch.worker", self.job, str(self.count)],
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True,
            )  # fmt: skip
        slot.name, slot.started = worker_name(slot.process.pid), time.monotonic()

    def _ended(self, slot: _Slot, code: int) -> None:
        _close(slot)
        slot.process = None
        with suppress(DatabaseAway):  # then the lease runs out
            release(self.database, slot.name)
        if time.monotonic() - slot.started > LONG_SECONDS:
            slot.pause = PAUSES[0]
        slot.due = time.monotonic() + slot.pause
        if code:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
            how = "found the disk full" if code == EXIT_DISK_FULL else how
            again = f"the next begins in {slot.pause:.3g} s; {log_of(self.job)} may say more"
            self.tell(f"a worker {how}: {again}")
            slot.pause = min(2 * slot.pause, PAUSES[1])


def _close(slot: _Slot) -> None:
    """Let go of the pipe by which a worker sees that this process lives."""
    if slot.process is not None and slot.process.stdin is not None:
        slot.process.stdin.close()


def work_through(database: Database, job: Job, workers: int = 1, reporter: Reporter | None = None) -> Job:
    """Work at a job until it is over; return it as it then is. Whoever stops this resumes it later."""
    reporter = reporter or Terminal()
    with Workers(database, workers, job.id, reporter.say) as some, reporter.progress("batch", job.num_rows) as bar:
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


def work_for_all(database: Database, workers: int = 1, reporter: Reporter | None = None) -> None:
    """Work at every job of the database, those that are submitted later too, until somebody stops this."""
    with Workers(database, workers, "", (reporter or Terminal()).say) as some:
        while True:
            some.look()
            time.sleep(LOOK_SECONDS)


def log_of(job: str) -> Path:
    """Return the file where the workers of a job say what broke; its folder is made."""
    folder = home() / FOLDER
    folder.mkdir(exist_ok=True)
    return folder / f"{job or 'work'}.log"
