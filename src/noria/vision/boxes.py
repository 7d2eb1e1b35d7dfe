"""Boxes in a picture, float[n, 4]: left, top, right, bottom; what they share, and which of them say the same.

Knows no unit: pixels or shares of the picture.
"""

from __future__ import annotations

import numpy as np


def areas(boxes: np.ndarray) -> np.ndarray:
    """Return float64[n]: width times height."""
    sides = np.maximum(boxes[:, 2:4].astype(np.float64) - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def ious(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return float64[n, m]: the area that two boxes share over the area that they cover, 0 to 1."""
    shared, covered = shared_areas(one, other), areas(one)[:, None] + areas(other)[None]
    covered -= shared
    return np.asarray(np.divide(shared, covered, out=np.zeros(shared.shape), where=covered > 0))


def shares_within(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return float64[n, m]: how much of each of the first lies in each of the others, 0 to 1."""
    shared, own = shared_areas(one, other), areas(one)[:, None]
    return np.asarray(np.divide(shared, own, out=np.zeros(shared.shape), where=own > 0))


def shared_areas(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return float64[n, m]: the area that lies in both."""
    left, top, right, bottom = one.T[:4, :, None].astype(np.float64)
    others = other.T[:4].astype(np.float64)
    width = np.minimum(right, others[2]) - np.maximum(left, others[0])
    height = np.minimum(bottom, others[3]) - np.maximum(top, others[1])
    return np.asarray(np.maximum(width, 0, out=width) * np.maximum(height, 0, out=height))


def distinct(boxes: np.ndarray, labels: np.ndarray, overlap: float) -> np.ndarray:
    """Return int[k], which boxes stay, best first as they stand: none shares more than `overlap` with a better one of
    its label (non-maximum suppression)."""
    hides = (ious(boxes, boxes) > overlap) & (labels[:, None] == labels[None])
    is_kept = np.ones(len(boxes), bool)
    for index in range(len(boxes)):
        if is_kept[index]:
            is_kept[index + 1 :] &= ~hides[index, index + 1 :]
    return np.flatnonzero(is_kept)
