"""Axes: the range, the ticks at round numbers, and where a value lies on the drawing; how wide a label is drawn.

Knows no markup. Read next: charts.py.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

WIDE = 1.9  # a Chinese character is drawn so many times as wide as a Latin one
LOG_RATIO = 30  # a falling loss whose first value is so many times its last is drawn on a logarithmic axis


@dataclass(frozen=True)
class Scale:
    """A straight or logarithmic map from values low..high to drawing units start..end; start may exceed end."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...] = ()
    is_logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.is_logarithmic:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, self.low))
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def axis(values: Iterable[float], start: float, end: float, count: int = 5, logarithmic: bool = False) -> Scale:
    """Return a scale that holds all values and ends at round numbers, with about `count` ticks."""
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    if logarithmic and low > 0:
        return _logarithmic(low, high, start, end)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        pad = abs(high) / 10 or 0.5
        low, high = low - pad, high + pad
    step = _round_step((high - low) / count)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    digits = max(12, 3 - math.floor(math.log10(step)))
    ticks = tuple(round(i * step, digits) for i in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], start, end, ticks)


def tight_axis(values: Iterable[float], start: float, end: float, count: int = 5) -> Scale:
    """Return a scale that ends where the values end, with ticks at the round numbers between."""
    finite = [value for value in values if math.isfinite(value)]
    whole = axis(finite, start, end, count)
    low, high = (min(finite), max(finite)) if finite else (whole.low, whole.high)
    ticks = tuple(tick for tick in whole.ticks if low <= tick <= high)
    return Scale(low, high, start, end, ticks) if len(ticks) > 1 else whole


def number(value: float | int | None, digits: int = 4) -> str:
    """Return a number in a few digits and thousands apart, or a dash."""
    if value is None or not math.isfinite(value):
        return "–"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.{digits}g}"


def width_of(label: str) -> float:
    """Return how wide a label is, counted in Latin characters."""
    return sum(WIDE if unicodedata.east_asian_width(letter) in "WF" else 1.0 for letter in label)


def clipped(label: str, width: float) -> str:
    """Cut a label to a width in Latin characters; the cut is shown by an ellipsis."""
    if width_of(label) <= width:
        return label
    while label and width_of(label) > width - 1:
        label = label[:-1]
    return label + "…"


def _round_step(step: float) -> float:
    """Return the nearest of 1, 2 or 5 times a power of ten that is not smaller."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def _logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    last = max(last, first + 1)
    every = math.ceil((last - first) / 5)
    ticks = tuple(10.0**power for power in range(first, last + 1, every))
    return Scale(10.0**first, 10.0**last, start, end, ticks, is_logarithmic=True)
