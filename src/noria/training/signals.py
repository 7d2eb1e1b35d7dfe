"""SIGTERM, SIGINT and SIGHUP: finish the step, save, leave with 143, 130 or 129; a second signal leaves at once.

Outside the steps, while data is prepared or scores are computed, there is nothing to save and the first one leaves.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from noria.errors import EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED

EXIT_CODES = {signal.SIGTERM: EXIT_TERMINATED, signal.SIGINT: EXIT_INTERRUPTED, signal.SIGHUP: EXIT_HUNG_UP}


class StopSignals:
    """Whether the process was asked to stop; `exit_code` is then what it should leave with."""

    def __init__(self) -> None:
        self.exit_code = 0
        self._is_deferred = False

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Only take note of the first signal within the block: the caller asks and leaves when it has saved."""
        self._is_deferred = True
        try:
            yield
        finally:
            self._is_deferred = False
        if self.exit_code:  # it came when the caller had asked for the last time
            raise SystemExit(self.exit_code)

    def __bool__(self) -> bool:
        return self.exit_code != 0

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.exit_code:
            os._exit(self.exit_code)
        self.exit_code = EXIT_CODES[signal.Signals(number)]
        if not self._is_deferred:
            raise SystemExit(self.exit_code)


@contextmanager
def watched() -> Iterator[StopSignals]:
    """Watch for signals; outside the main thread, where Python cannot, nothing is watched."""
    interruption = StopSignals()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else set()  # by nohup: it stays so
    before = {number: signal.signal(number, interruption._ask) for number in EXIT_CODES.keys() - ignored}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
