"""What the numbers in training masks mean: classes, no class, or the grey edges that resizing and compression leave.

    0 1 2 .. 18 255      255 by custom belongs to no class
    0 255,  0 128 255    levels spread over the whole range: each is a class
    0 3 17 .. 251 255    two levels, and edges of all greys between: the nearer level is meant

A class covers areas, a grey edge nowhere: its places have other numbers beside them. Read next: target.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

CUSTOM = 255  # the number that by custom belongs to no class, where the others are counted from 0
SPREAD = 0.5  # of the even distance between levels: so far apart at least are numbers that are levels of grey
LEAST_RANGE = 100  # of the numbers of a mask in which edges are looked for
LEAST_EDGES = 2  # numbers that are edges; a single one may be a thin class
NEAR = 16  # of a level: what compression makes of it
INNER = 0.05  # of a number's places: so many lie within an area, where it is a class, and fewer of edges
LEAST_LEVEL = 0.002  # of all places, within areas
PEAK, FAR = 0.6, 48  # of the places of edges, beside one number, far from all levels: a class of too small areas


@dataclass
class MaskNumbers:
    """How often each number stands in some masks, in which colours palettes show it, and, of masks with edges, how
    often it lies within an area."""

    counts: Counter[int] = field(default_factory=Counter)
    colours: dict[int, set[tuple[int, ...]]] = field(default_factory=dict)
    _edged: Counter[int] = field(default_factory=Counter)
    _inner: Counter[int] = field(default_factory=Counter)

    def see(self, mask: np.ndarray, palette: np.ndarray | None = None) -> None:
        """Take a mask [height, width] into account, and the palette of its file, uint8[n, 3], if it has one."""
        here = _counted(mask)
        self.counts.update(here)
        colours = [] if palette is None else palette.tolist()
        for number in here.keys() & set(range(len(colours))):
            self.colours.setdefault(number, set()).add(tuple(colours[number]))
        least, most = min(here), max(here)
        is_low = {one < (least + most) / 2 for one in here if least < one < most}
        if most - least >= LEAST_RANGE and is_low == {True, False}:  # numbers in both halves between the ends
            self._edged.update(here)
            self._inner.update(_counted(mask[_is_inner(mask)]))

    def levels(self) -> list[int]:
        """Return the numbers that are meant in masks with grey edges, ascending; none where no mask has such edges."""
        least = LEAST_LEVEL * self._edged.total()
        areas = [one for one, count in self._inner.items() if count > max(least, INNER * self._edged[one])]
        found: list[int] = []
        for number in sorted(areas, key=lambda one: -self._inner[one]):
            if not _is_near(number, found):
                found.append(number)
        edges = {one: count for one, count in self._edged.items() if one not in found}
        num_inner = sum(self._inner[one] for one in edges)
        if len(edges) < LEAST_EDGES or num_inner > INNER * sum(edges.values()):
            return []
        return sorted([*found, *_peak({one: count for one, count in edges.items() if not _is_near(one, found)}, found)])

    def snapped_counts(self, levels: Sequence[int]) -> Counter[int]:
        """Return how often each level is meant."""
        counts: Counter[int] = Counter()
        for number, count in self.counts.items():
            counts[min(levels, key=lambda level: abs(level - number))] += count
        return counts

    def edge_share(self, levels: Sequence[int]) -> float:
        """Return the fraction of places that have none of the levels."""
        return 1 - sum(self.counts[one] for one in levels) / self.counts.total()


def is_custom_void(numbers: Iterable[int]) -> bool:
    """Say whether 255 among the numbers of masks without names belongs to no class."""
    numbers = sorted({*numbers, CUSTOM})
    if len(numbers) < 3:
        return False
    even = (numbers[-1] - numbers[0]) / (len(numbers) - 1)
    return bool(np.diff(numbers).min() < SPREAD * even)


def snapped(mask: np.ndarray, levels: Iterable[int], void: Iterable[int] = ()) -> np.ndarray:
    """Return a mask with each number that is neither level nor void replaced by the nearest level."""
    levels = np.array(sorted(levels))
    near = levels[np.abs(mask[..., None] - levels).argmin(-1)]
    return np.asarray(np.where(np.isin(mask, list(void)), mask, near))


def _is_near(number: int, levels: Iterable[int], distance: int = NEAR) -> bool:
    return any(abs(number - one) <= distance for one in levels)


def _peak(counts: dict[int, int], levels: list[int]) -> list[int]:
    """Return the number beside which most of these places lie, if there is one far from the levels."""
    around = {one: sum(count for other, count in counts.items() if abs(other - one) <= NEAR) for one in counts}
    most = max(around, key=lambda one: (around[one], counts[one]), default=0)
    is_peak = bool(around) and around[most] > PEAK * sum(counts.values()) and not _is_near(most, levels, FAR)
    return [most] if is_peak else []


def _is_inner(mask: np.ndarray) -> np.ndarray:
    """Return bool[height, width]: whether the four places beside each have its number."""
    padded = np.pad(mask, 1, mode="edge")
    inner = padded[1:-1, 1:-1]
    beside = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    is_same: np.ndarray = np.logical_and.reduce([inner == one for one in beside])
    return is_same


def _counted(numbers: np.ndarray) -> dict[int, int]:
    found, places = np.unique(numbers, return_counts=True)
    return dict(zip(found.tolist(), places.tolist(), strict=True))
