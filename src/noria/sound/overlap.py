"""Frames that overlap, put together."""

from __future__ import annotations

import numpy as np


def overlapped(frames: np.ndarray, hop: int) -> np.ndarray:
    """Return the sum of frames float[T, size], each a hop after the one before, float[(T - 1) * hop + size]."""
    count, size = frames.shape
    num_parts = -(-size // hop)
    parts = np.pad(frames, ((0, 0), (0, num_parts * hop - size))).reshape(count, num_parts, hop)
    total = np.zeros((count + num_parts - 1, hop), frames.dtype)
    for part in range(num_parts):
        total[part : part + count] += parts[:, part]
    return total.reshape(-1)[: (count - 1) * hop + size]
