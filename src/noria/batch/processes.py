"""A worker's process as its parent sees it: on this machine; ray_workers.py has those of a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from noria.batch.names import worker_name
from noria.batch.submission import FOLDER
from noria.database.home import home


class WorkerProcess(ABC):
    """A process that works, until it has ended."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the name that it claims shards by; empty while nobody knows it."""

    @abstractmethod
    def ended(self) -> int | None:
        """Return its exit code, less than 0 the signal that killed it; None while it works."""

    @abstractmethod
    def end(self) -> None:
        """Kill it, and wait until it works no more."""


Start = Callable[[str, int], WorkerProcess]  # a job, or all where it is empty; as one of how many workers


class Child(WorkerProcess):
    """A process on this machine."""

    def __init__(self, job: str, count: int) -> None:
        threads = str(max(1, (os.cpu_count() or 1) // count))
        environment = {"OMP_NUM_THREADS": threads, **os.environ}
        with log_of(job).open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "noria.batch.worker", job, str(count)],
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True,
            )  # fmt: skip
        self._name = worker_name(self._process.pid)

    @property
    def name(self) -> str:
        """Return what tells the process from all others."""
        return self._name

    def ended(self) -> int | None:
        """Return its exit code; None while it works."""
        return self._process.poll()

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()  # by which it saw that this process lives


def log_of(job: str) -> Path:
    """Return the file where the workers of a job say what broke; its folder is made."""
    folder = home() / FOLDER
    folder.mkdir(exist_ok=True)
    return folder / f"{job or 'work'}.log"
