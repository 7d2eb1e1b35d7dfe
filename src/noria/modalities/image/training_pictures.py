"""What `fit` sees of the training pictures: small copies of some, the sizes of all, their colours, their levels.

Read next: vision/levels.py; modality.py, which learns from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noria.modalities.image.resize import resized
from noria.types import Values
from noria.vision.levels import LevelRange, as_bytes, kind_of
from noria.vision.pictures import RGBA, is_of_bytes, on_white, read_pixels

HELD_BYTES = 2**25  # of pictures that `fit` learns from: all of MNIST's sample, hundreds of photos


@dataclass
class TrainingPictures:
    """Some pictures, at most `most` pixels each way. Where they would take more than HELD_BYTES, every second of them
    is kept, or every fourth, and so on."""

    most: tuple[int, int]
    sizes: Counter[tuple[int, ...]] = field(default_factory=Counter)
    is_colored: bool = False
    _range: LevelRange = field(default_factory=LevelRange)
    _held: list[tuple[str, np.ndarray]] = field(default_factory=list)
    _held_bytes: int = 0
    _every: int = 1

    @classmethod
    def of(cls, values: Values, most: tuple[int, int]) -> TrainingPictures:
        """Look at all values, one after the other."""
        found = cls(most)
        for value in values:
            try:
                found._add(read_pixels(value))
            except ValueError:
                continue  # `encode` meets it again and says why
        return found

    @property
    def levels(self) -> dict[str, list[float]]:
        """The scale of each kind of pixels that are no bytes."""
        return self._range.levels()

    def pictures(self) -> list[np.ndarray]:
        """Return the pictures that are held, as bytes."""
        levels, found = self.levels, []
        for kind, picture in self._held:
            seen = as_bytes(picture, levels[kind]) if kind in levels else picture
            found.append(on_white(seen) if seen.ndim == 3 and seen.shape[2] == RGBA else seen)
        return found

    def _add(self, picture: np.ndarray) -> None:
        self._range.see(picture)
        self.sizes[picture.shape[:2]] += 1
        self.is_colored |= picture.ndim == 3
        if (self.sizes.total() - 1) % self._every:
            return
        kind = kind_of(picture)
        if picture.shape[0] > self.most[0] or picture.shape[1] > self.most[1]:
            picture = resized(picture, *self.most)
        self._held.append((kind, picture))
        self._held_bytes += picture.nbytes
        if self._held_bytes > HELD_BYTES:
            self._held, self._every = self._held[::2], 2 * self._every
            self._held_bytes = sum(one.nbytes for _, one in self._held)


def levels_of(values: Iterable[Any]) -> dict[str, list[float]]:
    """Return the scales of pictures that are not of bytes; those that are need no decoding for it."""
    seen = LevelRange()
    for value in values:
        if not is_of_bytes(value):
            with suppress(ValueError):  # `encode` meets it again and says why
                seen.see(read_pixels(value))
    return seen.levels()
