"""The records of a shard that kill whoever reads them: found by halves, in a process that is there to die.

A shard that killed its worker several times may have been killed from outside. So what counts is a record that, alone,
kills a process again and again. Read next: probe.py, worker.py.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import Protocol

from noria.batch.shards import Shard
from noria.batch.watchdog import EXIT_HUNG, HANG_SECONDS
from noria.errors import UserError
from noria.units import duration

MOST_DEATHS = 3  # tries of a shard before its records are looked at
MOST_ATTEMPTS = 12  # tries of a shard no record of which is to blame
TIMES_ALONE = 3  # that a record has to kill a process by itself
MOST_POISON = 16  # records of a shard: more of them are no records that are bad, but a machine or a model that is


class Trial(Protocol):
    """Says how reading some records ended: why it failed, or nothing."""

    def failure(self, first: int, end: int) -> str: ...


def poison(trial: Trial, first: int, end: int) -> dict[int, str]:
    """Return those of some records, by their places, that kill whoever reads them, with the reason."""
    reason = trial.failure(first, end)
    if not reason:
        return {}
    if end - first == 1:
        return {first: reason} if all(trial.failure(first, end) for _ in range(TIMES_ALONE - 1)) else {}
    middle = (first + end) // 2
    found = poison(trial, first, middle)
    found |= poison(trial, middle, end) if len(found) <= MOST_POISON else {}
    return found


def poison_of(shard: Shard, hang_seconds: float = HANG_SECONDS) -> dict[int, str]:
    """Return the records of a shard that kill whoever reads them, or keep it from ever ending, and how.

    Raises UserError where it is not a few records.
    """
    with Probe(shard, hang_seconds) as probe:
        found = poison(probe, 0, shard.num_rows)
    rows = f"rows {shard.first_row} to {shard.first_row + shard.num_rows - 1}"
    if len(found) > MOST_POISON:
        reason = next(iter(found.values()))
        fix = _MORE_TIME if reason.startswith(HUNG) else _RESUME
        raise UserError("a worker dies at nearly every record", where=rows, found=reason, fix=fix)
    if not found and shard.attempt > MOST_ATTEMPTS:
        what = f"workers died {shard.attempt - 1} times, and no single record is to blame"
        raise UserError(what, where=rows, fix=f"fewer --workers, where memory is short; else {_RESUME}")
    return {place: f"worker crashed: {reason}" for place, reason in found.items()}


_RESUME = "see to the machine and run noria batch resume"
_MORE_TIME = "see to the machine, or run the same noria batch submit with a larger --hang-seconds"
HUNG = "no answer within"


class Probe:
    """A process that reads records of a shard and forgets the answers; another follows where it dies.

    hang_seconds: after which it ends itself, as watchdog.py has it.
    """

    def __init__(self, shard: Shard, hang_seconds: float = HANG_SECONDS) -> None:
        self._hang_seconds = hang_seconds
        self._words = [sys.executable, "-m", "noria.batch.probe", shard.job, str(shard.n), json.dumps(shard.crashed)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def failure(self, first: int, end: int) -> str:
        """Return why reading some records failed; empty where it did not."""
        if self._process is None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(self._words, stdin=pipe, stdout=pipe, text=True, start_new_session=True)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        began = time.monotonic()
        try:
            process.stdin.write(f"{first} {end}\n")
            process.stdin.flush()
            said = process.stdout.readline()
        except OSError:
            said = ""
        if said:
            return str(json.loads(said))
        self._process = None
        process.communicate()
        code = process.returncode
        if code == EXIT_HUNG and 0 < self._hang_seconds <= time.monotonic() - began:
            return f"{HUNG} {duration(self._hang_seconds)}"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
