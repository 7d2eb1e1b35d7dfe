"""What this process holds of the machine's memory, and giving back what it holds in vain.

Steps over batches of ever other lengths leave holes in the heap, which C's allocator keeps: a training whose steps need
2 GB held 11 after 700 of them (docs/log/2026-11-25-heap-memory.md). Read next: training/plan.py, training/loop.py.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import psutil

GROWTH = 1.25  # what is needed may grow by so much before the heap is looked through again
APART = 32  # steps: what is given back is faulted in again page by page, which costs up to a third of a step


def held_bytes() -> int:
    """Return the memory that this process holds."""
    held: int = psutil.Process().memory_info().rss
    return held


def free_bytes() -> int:
    """Return the memory that this process may still take: of the machine, or of its container where that is less."""
    free: int = psutil.virtual_memory().available
    try:
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
        kept = int(dict(map(str.split, Path("/sys/fs/cgroup/memory.stat").read_text().splitlines()))["inactive_file"])
    except (OSError, ValueError, KeyError):  # no container, or one without a limit ("max")
        return free
    return min(free, max(0, limit - used + kept))  # what files keep is given back when it is needed


def most_bytes() -> int:
    """Return the most memory that this process has held; what it holds where the system does not tell."""
    status = Path("/proc/self/status")  # not getrusage, which begins with the memory of the parent process
    lines = status.read_text().splitlines() if status.exists() else []
    most = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
    return max(1024 * most, held_bytes())


class Heap:
    """Keep the memory of this process below a limit, where that takes no more than giving back what is free."""

    def __init__(self, limit: int) -> None:
        library = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._trim = getattr(library, "malloc_trim", None)  # glibc's
        self.limit = limit
        self._wait = 0  # steps

    def tidy(self) -> None:
        """Give back what is free where the limit is passed; where more is needed, that becomes the limit.

        To be called after every step: between two times APART steps pass.
        """
        self._wait -= 1
        if self._trim is None or self._wait >= 0 or held_bytes() <= self.limit:
            return
        self._trim(0)
        self._wait = APART - 1
        self.limit = max(self.limit, round(GROWTH * held_bytes()))
