"""Ends a process that hangs over a record, so that it counts as one that crashed, and poison.py finds the record.

The clock is a thread of C, which goes on where a library holds the interpreter's lock for ever; standard error then
says in which line each thread hung. https://docs.python.org/3/library/faulthandler.html
"""

from __future__ import annotations

import faulthandler

HANG_SECONDS = 600.0  # a piece is at most 1,024 records: more than half a second for each, and four for a file
STANDARD_ERROR = 2
EXIT_HUNG = 1  # faulthandler's own


class Watchdog:
    """Bites after so many seconds within which it was not told of anything finished; never where there are none.

    >>> with Watchdog(600.0) as watchdog:
    ...     for piece in pieces:
    ...         watchdog.restart()
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def __enter__(self) -> Watchdog:
        self.restart()
        return self

    def __exit__(self, *_: object) -> None:
        if self.seconds:
            faulthandler.cancel_dump_traceback_later()

    def restart(self) -> None:
        """Begin to wait anew: something was finished."""
        if self.seconds:
            faulthandler.dump_traceback_later(self.seconds, exit=True, file=STANDARD_ERROR)
