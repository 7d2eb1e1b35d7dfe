"""Lines, points and histograms as inline SVG: no library, no font of our own, colours from page.css.

Lines differ by dash as well as by colour. Knows no metric and no task. Read next: bars.py, matrix.py, panels.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from noria.report.figure import LETTER, WIDTH, figure, nothing, svg
from noria.report.markup import Markup, join, tag
from noria.report.scale import Scale, axis, number, tight_axis, width_of

HEIGHT = 216.0
SQUARE_HEIGHT = 330.0  # where both axes mean the same
TOP, RIGHT, BOTTOM = 24.0, 14.0, 40.0
COLORS = 6  # page.css has so many; more lines take them again, with another dash
DASHES = (None, "7 3", "2 3", "9 3 2 3")
MARKED_POINTS = 30  # a line of at most so many points shows each
FLAT = 1e-9  # of the largest value: values that differ by no more are drawn as one
MOST_BINS = 30

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A named line; `band` is (x, low, high) for each x where an interval is known."""

    name: str
    points: Sequence[Point]
    band: Sequence[tuple[float, float, float]] = ()


@dataclass(frozen=True)
class Chart:
    """What one chart shows. `x` and `y` name the axes; `mark` is a named point with a ring around it."""

    title: str
    x: str
    y: str
    lines: Sequence[Line] = ()
    scatters: Sequence[Line] = ()
    has_diagonal: bool = False
    is_logarithmic: bool = False
    mark: Line | None = None
    note: str = ""


def line_chart(chart: Chart) -> Markup:
    """Draw lines and points with axes; the legend, where there is more than one, stands above as text."""
    lines, scatters = _drawable(chart.lines), _drawable(chart.scatters)
    if not lines and not scatters:
        return nothing(chart.title, chart.note)
    points = [point for line in (*lines, *scatters) for point in line.points]
    band = [(x, y) for line in lines for x, low, high in line.band for y in (low, high)]
    x, y, height = _axes(chart, [*points, *band])
    drawn: list[Markup] = [_frame(x, y, chart.x, chart.y, height)]
    if chart.has_diagonal:
        drawn.append(_path([(x.low, x.low), (x.high, x.high)], x, y, class_="diagonal"))
    drawn += [_band(line, x, y, index) for index, line in enumerate(lines) if line.band]
    drawn += [_line(line, x, y, index) for index, line in enumerate(lines)]
    drawn += [_dots(line, x, y, len(lines) + index, 2.6) for index, line in enumerate(scatters)]
    if chart.mark is not None and chart.mark.points:
        drawn.append(tag("g", [_ring(point, x, y, chart.mark.name) for point in chart.mark.points]))
    described = "; ".join(_described(line) for line in (*lines, *scatters))
    return figure(chart.title, join(_legend(lines, scatters), svg(chart.title, described, height, *drawn)), chart.note)


def histogram(title: str, values: Iterable[float], x_name: str, note: str = "") -> Markup:
    """Draw how often values occur; a bin that holds anything is always seen."""
    finite = np.array([value for value in values if math.isfinite(value)], np.float64)
    if not len(finite):
        return nothing(title, note)
    bins = int(min(MOST_BINS, max(5, math.sqrt(len(finite)))))
    finite[np.abs(finite) < np.finfo(np.float32).tiny] = 0
    if np.ptp(finite) <= FLAT * np.abs(finite).max():  # nothing that an axis could show
        finite[:] = finite[0]
    counts, edges = np.histogram(finite, bins)
    y = axis([0, int(counts.max())], HEIGHT - BOTTOM, TOP, 4)
    left = _left(y)
    x = axis([float(edges[0]), float(edges[-1])], left, WIDTH - RIGHT)
    bars = []
    for count, low, high in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if count:
            tall = max(2.0, y(0) - y(count))
            said = tag("title", f"{number(low, 3)} to {number(high, 3)}: {count:,}")
            wide = max(1.0, x(high) - x(low) - 1)
            bars.append(tag("rect", said, x=x(low), y=y(0) - tall, width=wide, height=tall, class_="fill-0"))
    described = f"{len(finite):,} values from {number(float(finite.min()))} to {number(float(finite.max()))}"
    return figure(title, svg(title, described, HEIGHT, _frame(x, y, x_name, "records", HEIGHT), *bars), note)


def _drawable(lines: Sequence[Line]) -> list[Line]:
    """Keep what is finite."""
    kept = []
    for line in lines:
        points = [(x, y) for x, y in line.points if math.isfinite(x) and math.isfinite(y)]
        band = [part for part in line.band if all(map(math.isfinite, part))]
        if points:
            kept.append(Line(line.name, points, band))
    return kept


def _axes(chart: Chart, points: list[Point]) -> tuple[Scale, Scale, float]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    height = SQUARE_HEIGHT if chart.has_diagonal else HEIGHT
    if chart.has_diagonal:  # both axes mean the same, so they show the same
        xs = ys = xs + ys + ([0.0, 1.0] if min(xs + ys) >= 0 and max(xs + ys) <= 1 else [])
    y = axis(ys, height - BOTTOM, TOP, logarithmic=chart.is_logarithmic)
    x = (axis if chart.has_diagonal else tight_axis)(xs, _left(y), WIDTH - RIGHT)
    return x, y, height


def _left(y: Scale) -> float:
    return 12 + LETTER * max(width_of(number(tick)) for tick in y.ticks)


def _frame(x: Scale, y: Scale, x_name: str, y_name: str, height: float) -> Markup:
    """Draw grid, ticks and the names of the axes; y's name stands above it, where it can be read without turning."""
    parts = []
    for tick in y.ticks:
        parts.append(tag("line", x1=x.start, x2=x.end, y1=y(tick), y2=y(tick), class_="grid"))
        parts.append(tag("text", number(tick), x=x.start - 6, y=y(tick) + 4, text_anchor="end"))
    bottom = height - BOTTOM
    for tick in _spaced(x):
        anchor = "end" if x(tick) > WIDTH - RIGHT - 4 else "middle"
        parts.append(tag("line", x1=x(tick), x2=x(tick), y1=bottom, y2=bottom + 4, class_="axis"))
        parts.append(tag("text", number(tick), x=x(tick) + 6 * (anchor == "end"), y=bottom + 17, text_anchor=anchor))
    parts.append(tag("line", x1=x.start, x2=x.end, y1=bottom, y2=bottom, class_="axis"))
    parts.append(tag("text", y_name, x=2, y=12, class_="name"))
    middle = (x.start + x.end) / 2
    parts.append(tag("text", x_name, x=middle, y=height - 6, text_anchor="middle", class_="name"))
    return tag("g", parts)


def _spaced(x: Scale) -> Sequence[float]:
    """Leave out ticks whose labels would touch."""
    wide = max(width_of(number(tick)) for tick in x.ticks) * LETTER + 8
    between = (x.end - x.start) / (len(x.ticks) - 1)
    return x.ticks[:: max(1, math.ceil(wide / between))]


def _path(points: Iterable[Point], x: Scale, y: Scale, class_: str, dash: str | None = None) -> Markup:
    corners = " L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in points)
    return tag("path", d=f"M{corners}", class_=class_, stroke_dasharray=dash)


def _line(line: Line, x: Scale, y: Scale, index: int) -> Markup:
    path = _path(line.points, x, y, f"line stroke-{index % COLORS}", DASHES[index % len(DASHES)])
    return join(path, _dots(line, x, y, index, 2.6) if len(line.points) <= MARKED_POINTS else None)


def _dots(line: Line, x: Scale, y: Scale, index: int, radius: float) -> Markup:
    dots = []
    for a, b in line.points:
        said = tag("title", f"{line.name}: {number(a)}, {number(b)}")
        dots.append(tag("circle", said, cx=x(a), cy=y(b), r=radius))
    return tag("g", dots, class_=f"dots fill-{index % COLORS}")


def _band(line: Line, x: Scale, y: Scale, index: int) -> Markup:
    there = [(at, high) for at, _, high in line.band]
    back = [(at, low) for at, low, _ in reversed(line.band)]
    return _path(itertools.chain(there, back), x, y, f"band fill-{index % COLORS}")


def _ring(point: Point, x: Scale, y: Scale, name: str) -> Markup:
    return tag("circle", tag("title", name), cx=x(point[0]), cy=y(point[1]), r=5, class_="ring")


def _legend(lines: Sequence[Line], scatters: Sequence[Line]) -> Markup | None:
    if len(lines) + len(scatters) < 2:
        return None
    items = []
    for index, line in enumerate((*lines, *scatters)):
        stroke = tag(
            "line", x1=0, x2=26, y1=6, y2=6, class_=f"line stroke-{index % COLORS}",
            stroke_dasharray=DASHES[index % len(DASHES)],
        )  # fmt: skip
        dot = tag("circle", cx=13, cy=6, r=3.5, class_=f"fill-{index % COLORS}")
        key = tag("svg", stroke if index < len(lines) else dot, viewBox="0 0 26 12", class_="key", aria_hidden="true")
        items.append(tag("li", key, " ", line.name))
    return tag("ul", items, class_="legend")


def _described(line: Line) -> str:
    (x1, y1), (x2, y2) = line.points[0], line.points[-1]
    if len(line.points) == 1:
        return f"{line.name}: one point, {number(x1)}, {number(y1)}"
    return f"{line.name}: {len(line.points)} points from ({number(x1)}, {number(y1)}) to ({number(x2)}, {number(y2)})"
