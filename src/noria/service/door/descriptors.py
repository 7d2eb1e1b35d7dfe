"""How many files this process may open, so that a connection never finds none left: accept() would fail in a loop.

Read next: connections.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Any

RESERVED = 192  # for the model's files, pipes and logs, and for the connections that are accepted in one turn
SILENCE_SECONDS = 10.0  # between two lines of the log on the same trouble
_NO_DESCRIPTOR = "socket.accept() out of system resource"  # what asyncio calls it
_log = logging.getLogger(__name__)


def connections_that_fit(wanted: int) -> int:
    """Return how many connections may be open at once, at most `wanted`; the limit of files is raised for it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    needed = wanted + RESERVED + _open_files()
    if soft < needed:
        raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft = raised
    return max(1, min(wanted, soft - RESERVED - _open_files()))


def when_none_is_left(loop: asyncio.AbstractEventLoop, make_room: Callable[[], None]) -> None:
    """Make room where accept() finds no descriptor nevertheless, and say so once in a while, not each time."""
    last = -SILENCE_SECONDS

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal last
        if context.get("message") != _NO_DESCRIPTOR:
            loop.default_exception_handler(context)
            return
        make_room()
        if loop.time() - last >= SILENCE_SECONDS:
            last = loop.time()
            _log.error("no file can be opened any more (%s): connections wait", context.get("exception"))

    loop.set_exception_handler(handle)


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:  # no /proc here
        return 64
