"""How much one key may ask for in a minute: a bucket that fills evenly, so that a pause may be made up for.

What an answer costs is known only when it is written, so a bucket may go below zero; then nothing is let in until it is
full again that far.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Bucket:
    """`per_minute` units a minute, at most a minute's at once."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock, self._level, self._at = clock, float(per_minute), clock()

    @property
    def level(self) -> float:
        """Return how many units are left now; below zero where more were used."""
        now = self._clock()
        self._level = min(float(self.per_minute), self._level + (now - self._at) * self.per_minute / 60)
        self._at = now
        return self._level

    def take(self, units: float) -> None:
        """Use units, also ones that are not there."""
        self._level = self.level - units

    def seconds_until(self, units: float) -> float:
        """Return after how long so many units are there."""
        return max(0.0, (units - self.level) * 60 / self.per_minute)

    def headers(self, unit: str) -> dict[str, str]:
        """Return what a client is told of the bucket, in the words of OpenAI's API."""
        return {
            f"x-ratelimit-limit-{unit}": str(self.per_minute),
            f"x-ratelimit-remaining-{unit}": str(max(0, math.floor(self.level))),
            f"x-ratelimit-reset-{unit}": f"{self.seconds_until(self.per_minute):.3f}s",
        }
