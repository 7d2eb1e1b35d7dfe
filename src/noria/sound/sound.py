"""One sound as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sound:
    """Samples float32[T] of one channel within [-1, 1]; `unread_s` seconds follow that were not asked for."""

    samples: np.ndarray
    rate_hz: int
    unread_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """Return how long the samples take."""
        return len(self.samples) / self.rate_hz
