"""Pixels that are no bytes, and the scale on which they become 0 to 255: 12 bits in 16, 16 bits, floats of 0 to 1.

One picture does not say how bright its brightest pixel is. So the scale is learnt from the training pictures together,
one for floats and one for whole numbers, and every later picture is read on it. Bytes are what they are.

    floats    0 to 1, -1 to 1 or 0 to 255 where all training pictures lie in that; else from their least to their most
    integers  0 to 1, 255, 1023, 4095, 16383 or 65535 likewise

Knows arrays only. Read next: pictures.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

LEVELS = "levels"  # where a state keeps what is learnt here; absent where all training pictures are of bytes
BYTES, INTEGERS, FLOATS = "bytes", "integers", "floats"
FLOAT_SCALES = ((0.0, 1.0), (-1.0, 1.0))
NUM_BITS = (1, 8, 10, 12, 14, 16)
BRIGHT = 127  # floats that go further lie in 0 to 255; fewer levels than that are worth a scale of their own
FAR = 0.5  # of the width of a scale: what lies further beyond it is of another one
FAR_SHARE = 0.01  # of the places: so many may be flaws of a sensor

Levels = Mapping[str, Sequence[float]]  # floats or integers -> the number that becomes 0, and the one that becomes 255


class _Extent(NamedTuple):
    """What was seen of the pixels of one kind."""

    least: float
    most: float
    is_whole: bool


@dataclass
class LevelRange:
    """The least and the most of all pixels that were seen, by their kind."""

    extents: dict[str, _Extent] = field(default_factory=dict)

    def see(self, pixels: np.ndarray) -> None:
        """Take a picture into account."""
        kind = kind_of(pixels)
        if kind == BYTES:
            return
        least, most = float(pixels.min()), float(pixels.max())
        is_whole = kind == INTEGERS or bool((pixels == np.rint(pixels)).all())
        old = self.extents.get(kind, _Extent(least, most, is_whole))
        self.extents[kind] = _Extent(min(least, old.least), max(most, old.most), is_whole and old.is_whole)

    def levels(self) -> dict[str, list[float]]:
        """Return the scale of each kind that was seen."""
        return {kind: list(_scale(kind, extent)) for kind, extent in self.extents.items()}


def kind_of(pixels: np.ndarray) -> str:
    """Return what kind of numbers pixels are."""
    if pixels.dtype == np.uint8:
        return BYTES
    return FLOATS if pixels.dtype.kind == "f" else INTEGERS


def as_bytes(pixels: np.ndarray, scale: Sequence[float]) -> np.ndarray:
    """Return uint8 of the same shape: numbers on a scale from black to white; what lies beyond it is cut.

    Raises ValueError for pixels of which many lie so far beyond that they were never on this scale, or that are
    fractions up to 1 where the scale goes to 255.
    """
    low, high = scale
    values = pixels.astype(np.float64)
    far = FAR * (high - low)
    is_far = np.mean((values < low - far) | (values > high + far)) > FAR_SHARE
    if is_far or _is_share_on_wide_scale(values, low, high):
        raise ValueError(
            f"its pixels lie in {values.min():.6g} to {values.max():.6g}, those of the training pictures in {low:.6g}"
            f" to {high:.6g}: bring them to the same scale"
        )
    return np.asarray((255 * ((values - low) / (high - low)).clip(0, 1)).round(), np.uint8)


def level_notes(levels: Levels) -> list[str]:
    """Return what a person should know of the scales."""
    return [
        f"pixels that are {kind}: {low:.6g} is seen as black and {high:.6g} as white, by all training pictures; every"
        " later picture is read on this scale"
        for kind, (low, high) in levels.items()
    ]


def _scale(kind: str, extent: _Extent) -> tuple[float, float]:
    """Return the smallest usual scale that holds what was seen, or just that."""
    least, most, is_whole = extent
    if kind == INTEGERS:
        usual = [(0.0, 2.0**bits - 1) for bits in NUM_BITS]
    else:
        usual = [*FLOAT_SCALES, *([(0.0, 255.0)] if is_whole or most > BRIGHT else [])]
    return next((one for one in usual if one[0] <= least and most <= one[1]), (least, max(most, least + 1)))


def _is_share_on_wide_scale(values: np.ndarray, low: float, high: float) -> bool:
    is_share = values.min() >= 0 and values.max() <= 1
    return bool(low == 0 and high >= 255 and is_share and (values != np.rint(values)).any())
