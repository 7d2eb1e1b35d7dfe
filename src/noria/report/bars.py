"""Horizontal bars with interval whiskers, and the small strip that shows one score between its interval and baseline.

Read next: scores.py, which draws the strips; data.py and panels.py, which draw the bars.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from noria.report.figure import LETTER, WIDTH, figure, nothing, svg
from noria.report.markup import Markup, join, tag
from noria.report.scale import Scale, axis, clipped, number, width_of

ROW, BAR = 24.0, 13.0
WIDE_LETTER = 7.2  # digits and the n of "n=30" are wider than the mean letter
MOST_LABEL = 18.0  # characters; longer names are cut and whole in their tooltip
STRIP_WIDTH, STRIP_HEIGHT = 180.0, 24.0


@dataclass(frozen=True)
class Bar:
    """One bar; a value of None is shown as a dash. `beside` is said after the value."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    beside: str = ""


def bar_chart(title: str, bars: Sequence[Bar], unit: str = "", note: str = "", baseline: float | None = None) -> Markup:
    """Draw bars from zero; the value stands at the right end of its row, `baseline` as an upright line."""
    if not bars:
        return nothing(title, note)
    given = [value for bar in bars for value in (bar.value, bar.low, bar.high)]
    ends = [value for value in given if value is not None and math.isfinite(value)]
    left = 10 + LETTER * min(MOST_LABEL, max(width_of(bar.name) for bar in bars))
    right = 14 + WIDE_LETTER * max(width_of(_said(bar)) for bar in bars)
    known = [0.0, *(ends or [1.0]), *([] if baseline is None else [baseline])]
    x = axis(known, left, max(WIDTH - right, left + 60))
    height = ROW * len(bars) + 24
    rows = [_row(bar, x, ROW * index) for index, bar in enumerate(bars)]
    line = None
    if baseline is not None:
        line = tag("line", x1=x(baseline), x2=x(baseline), y1=0, y2=ROW * len(bars), class_="baseline")
    drawn = join(_foot(x, ROW * len(bars), unit), rows, line)
    described = "; ".join(f"{bar.name}: {_said(bar)}" for bar in bars)
    return figure(title, svg(title, described, height, drawn), note)


def strip(title: str, value: float | None, low: float | None, high: float | None, baseline: float | None) -> Markup:
    """Draw one score as a dot on its interval, and the baseline as a hollow diamond, on one small axis."""
    found = [one for one in (value, low, high, baseline) if one is not None and math.isfinite(one)]
    if value is None or not found:
        return tag("span", "–")
    is_share = min(found) >= 0 and max(found) <= 1
    x = axis([0.0, 1.0] if is_share else [0.0, *found], 8, STRIP_WIDTH - 8)
    middle = STRIP_HEIGHT / 2
    parts = [tag("line", x1=x.start, x2=x.end, y1=middle, y2=middle, class_="axis")]
    parts += [tag("line", x1=x(end), x2=x(end), y1=middle - 4, y2=middle + 4, class_="axis") for end in (x.low, x.high)]
    if baseline is not None:
        at = x(baseline)
        corners = f"M{at - 5:.1f} {middle} L{at:.1f} {middle - 5} L{at + 5:.1f} {middle} L{at:.1f} {middle + 5} Z"
        parts.append(tag("path", d=corners, class_="diamond"))
    if low is not None and high is not None:
        wide = max(2.0, x(high) - x(low))
        parts.append(tag("rect", x=x(low), y=middle - 4, width=wide, height=8, class_="interval"))
    parts.append(tag("circle", cx=x(value), cy=middle, r=4, class_="fill-0"))
    described = (
        f"{number(value)}, interval {number(low)} to {number(high)}, baseline {number(baseline)}, "
        f"on an axis from {number(x.low)} to {number(x.high)}"
    )
    return svg(title, described, STRIP_HEIGHT, *parts, width=STRIP_WIDTH)


def _row(bar: Bar, x: Scale, top: float) -> Markup:
    middle = top + ROW / 2
    label = clipped(bar.name, MOST_LABEL)
    parts = [tag("text", tag("title", bar.name), label, x=x.start - 6, y=middle + 4, text_anchor="end")]
    if bar.value is not None and math.isfinite(bar.value):
        start, end = sorted((x(0), x(bar.value)))
        parts.append(tag("rect", x=start, y=middle - BAR / 2, width=max(1.0, end - start), height=BAR, class_="bar"))
    if bar.low is not None and bar.high is not None:
        low, high = x(bar.low), x(bar.high)
        ends = f"M{low:.1f} {middle - 4} V{middle + 4} M{low:.1f} {middle} H{high:.1f} M{high:.1f} {middle - 4}"
        parts.append(tag("path", d=f"{ends} V{middle + 4}", class_="whisker"))
    parts.append(tag("text", _said(bar), x=x.end + 8, y=middle + 4))
    return tag("g", parts)


def _said(bar: Bar) -> str:
    return number(bar.value) + (f" {bar.beside}" if bar.beside else "")


def _foot(x: Scale, bottom: float, unit: str) -> Markup:
    ends = (x.low, x.high)
    lines = [tag("line", x1=x(at), x2=x(at), y1=0, y2=bottom, class_="grid") for at in x.ticks]
    labels = [tag("text", number(at), x=x(at), y=bottom + 16, text_anchor="middle", class_="tick") for at in ends]
    name = tag("text", unit, x=(x.start + x.end) / 2, y=bottom + 16, text_anchor="middle", class_="name")
    return join(lines, labels, name if unit else None)
