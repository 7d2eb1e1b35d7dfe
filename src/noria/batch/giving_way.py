"""How batches stay behind what people wait for: the lowest priority of the processor."""

from __future__ import annotations

import os
from contextlib import suppress

LOWEST = 19  # of `nice`


def give_way() -> None:
    """Let every other process of the machine go first."""
    with suppress(OSError, AttributeError):  # not every system, nor every container, lets itself be told
        os.nice(LOWEST)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
