"""How batches stay behind what people wait for: the lowest priority, hours of the day, a service that answers.

The service says that it answers by touching a file in $NORIA_HOME. Read next: worker.py.
"""

from __future__ import annotations

import os
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from noria.batch.watchdog import HANG_SECONDS
from noria.database.home import home
from noria.errors import UserError

LOWEST = 19  # of `nice`
SERVED = "served"
IDLE_SECONDS = 10.0  # after an answer of a service before the machine counts as idle
TOUCH_SECONDS = 1.0  # between two touches
HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")
_touched = [0.0]


@dataclass(frozen=True)
class When:
    """When a job may be worked at, and for how long at a piece.

    hours: of the day, local time, as 22:00-06:00. when_idle: only while no service of the machine answers.
    hang_seconds: after which a worker that has finished no piece counts as one that crashed; 0: never.
    """

    hours: str = ""
    when_idle: bool = False
    hang_seconds: float = HANG_SECONDS

    def __post_init__(self) -> None:
        if not 0 <= self.hang_seconds < threading.TIMEOUT_MAX:
            expected = "a number of seconds, or 0 for never"
            raise UserError("no such time", where="--hang-seconds", expected=expected, found=str(self.hang_seconds))
        if self.hours and not HOURS.fullmatch(self.hours):
            raise UserError("cannot read the hours", where="--hours", expected="as 22:00-06:00", found=self.hours)

    def waits_for(self) -> str:
        """Return what is waited for now; empty where the job may be worked at."""
        if self.hours and not self._is_hour(datetime.now()):
            return f"the hours {self.hours}"
        if self.when_idle and is_serving():
            return "a service of this machine that answers"
        return ""

    def _is_hour(self, now: datetime) -> bool:
        found = HOURS.fullmatch(self.hours)
        assert found is not None
        begin, end = (60 * int(found[i]) + int(found[i + 1]) for i in (1, 3))
        minute = 60 * now.hour + now.minute
        return begin <= minute < end if begin < end else minute >= begin or minute < end


def give_way() -> None:
    """Let every other process of the machine go first."""
    with suppress(OSError, AttributeError):  # not every system, nor every container, lets itself be told
        os.nice(LOWEST)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def tell_serving() -> None:
    """Say that a service of this machine answers now; costs nothing when it is said often."""
    now = time.monotonic()
    if now - _touched[0] > TOUCH_SECONDS:
        _touched[0] = now
        with suppress(OSError, UserError):  # no answer fails for that
            (home() / SERVED).touch()


def is_serving() -> bool:
    """Say whether a service of this machine has answered a moment ago."""
    with suppress(OSError):
        return abs(time.time() - (home() / SERVED).stat().st_mtime) < IDLE_SECONDS
    return False
