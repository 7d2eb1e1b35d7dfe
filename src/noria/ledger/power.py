"""The power that this machine takes: measured by the processor's own counters (RAPL) where they can be read.

They count all that the packages take, of all processes: https://docs.kernel.org/power/powercap/powercap.html. Most
systems let only root read them. Not counted: graphics cards, disks, the power supply.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/class/powercap")
LEAST_SECONDS = 1.0  # between two readings: the counter moves in steps of a millisecond


class Counter:
    """The counters of all packages, read now and then."""

    def __init__(self, packages: list[Path]) -> None:
        self._packages, self._lock = packages, threading.Lock()
        self._ranges = [int((one / "max_energy_range_uj").read_text()) for one in packages]
        self._read, self._at = self._energies(), time.monotonic()
        self._watts: float | None = None

    def watts(self) -> float | None:
        """Return the mean power since the last reading, or that of the reading before; None for the first second."""
        with self._lock:
            now = time.monotonic()
            if now - self._at >= LEAST_SECONDS:
                try:
                    read = self._energies()
                except (OSError, ValueError):
                    return self._watts
                used = sum(
                    (new - old) % (most + 1) for new, old, most in zip(read, self._read, self._ranges, strict=True)
                )
                self._watts, self._read, self._at = used / 1e6 / (now - self._at), read, now
            return self._watts

    def _energies(self) -> list[int]:
        return [int((one / "energy_uj").read_text()) for one in self._packages]


@dataclass(frozen=True)
class Power:
    """What tells the power of this machine; `counter` is None where nothing measures it."""

    counter: Counter | None = None

    @classmethod
    def here(cls, root: Path = ROOT) -> Power:
        """Return this machine's."""
        try:
            return cls(Counter(packages)) if (packages := _packages(root)) else cls()
        except (OSError, ValueError):
            return cls()

    def watts(self, stated: float) -> tuple[float, bool]:
        """Return the power in watts, and whether it was measured."""
        measured = self.counter.watts() if self.counter is not None else None
        return (stated, False) if measured is None else (measured, True)


def _packages(root: Path) -> list[Path]:
    """Return the folders of the packages: of what is in them (cores, memory) they count the sum."""
    found = [one for one in sorted(root.glob("*-rapl:*")) if one.name.count(":") == 1]
    return [one for one in found if (one / "name").read_text().startswith("package")]
