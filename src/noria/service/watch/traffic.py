"""The traffic of the last minute, for people who look at the page: how many requests, how fast, how many failed.

Of each model one slot a second is kept, in which latencies are counted by size: what it takes does not grow with the
traffic. A percentile is right to the width of a class, 9 %.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from noria.service.watch.visit import Visit

SECONDS = 60
CLASSES = 4  # of latency, for each doubling
SHORTEST, LONGEST = 1e-4, 1e4  # seconds; what is outside counts as the last class on its side


class Slot:
    """What happened in one second."""

    def __init__(self, second: int) -> None:
        self.second = second
        self.latencies: Counter[int] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.tokens = 0


class Minute:
    """The last sixty seconds of one model."""

    def __init__(self) -> None:
        self._slots: list[Slot] = []

    def add(self, visit: Visit, second: int) -> None:
        """Count a visit that ended in this second."""
        if not self._slots or self._slots[-1].second != second:
            self._slots = [*self.slots(second), Slot(second)]
        slot = self._slots[-1]
        slot.outcomes[visit.outcome] += 1
        slot.tokens += visit.tokens[1]
        if visit.outcome == "answered":
            slot.latencies[_class_of(visit.seconds)] += 1

    def slots(self, second: int) -> list[Slot]:
        """Return the slots of the minute that ends with this second, oldest first."""
        return [slot for slot in self._slots if second - SECONDS < slot.second <= second]


class Traffic:
    """Counts visits that ask a model."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._began = now, now()
        self._models: dict[str, Minute] = {}

    def note(self, visit: Visit) -> None:
        """Count a visit, unless it asks no model."""
        if visit.model:
            self._models.setdefault(visit.model, Minute()).add(visit, int(self._now()))

    def told(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the figures of all models together, and of each that is served; forget the others."""
        now = int(self._now())
        self._models = {name: self._models.get(name, Minute()) for name in names}
        slots = {name: minute.slots(now) for name, minute in self._models.items()}
        seconds = min(max(now - int(self._began), 1), SECONDS)
        together = [slot for found in slots.values() for slot in found]
        return {
            "seconds": seconds,
            "all": _figures(together, seconds, now),
            "models": {name: _figures(found, seconds, now) for name, found in slots.items()},
        }


def _figures(slots: Iterable[Slot], seconds: int, now: int) -> dict[str, Any]:
    """Return what happened in some slots; `series` has the requests of each second, the one that runs now last."""
    latencies: Counter[int] = Counter()
    outcomes: Counter[str] = Counter()
    series, tokens = [0] * SECONDS, 0
    for slot in slots:
        latencies.update(slot.latencies)
        outcomes.update(slot.outcomes)
        tokens += slot.tokens
        series[SECONDS - 1 - (now - slot.second)] += slot.outcomes.total()
    return {
        "requests": outcomes.total(),
        "requests_per_second": round(outcomes.total() / seconds, 3),
        "tokens_per_second": round(tokens / seconds, 3),
        "p50_seconds": _percentile(latencies, 0.5),
        "p95_seconds": _percentile(latencies, 0.95),
        "outcomes": dict(outcomes),
        "series": series,
    }


def _class_of(seconds: float) -> int:
    return math.floor(CLASSES * math.log2(min(max(seconds, SHORTEST), LONGEST)))


def _percentile(latencies: Counter[int], share: float) -> float | None:
    """Return the middle of the class in which this share of all latencies is reached; None where there are none."""
    needed, seen = share * latencies.total(), 0
    for index in sorted(latencies):
        seen += latencies[index]
        if seen >= needed:
            return float(f"{2 ** ((index + 0.5) / CLASSES):.3g}")
    return None
