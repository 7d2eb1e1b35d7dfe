"""A matrix of counts: right answers in one tone, mistakes in another, so that a rare mistake is still seen.

Colour is the square root of the count over the largest of its kind, and never so strong that the number on it could
not be read. Read next: panels.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from noria.report.figure import LETTER, figure, nothing, svg
from noria.report.markup import Markup, tag
from noria.report.scale import clipped, width_of

MOST_NAMES = 30
MOST_LABEL = 17.0  # characters: counterclockwise is whole
WIDE = 1.12  # how much wider the letters of another system's font may be
STRONGEST = 0.55  # opacity; stronger, and text on it falls below a contrast of 4.5 (tests/report/test_style.py)
LEAST_CELL, LEAST_OF_MANY = 30.0, 26.0  # the second from so many columns on that it would not fit the page
MANY = 21
NARROW = 400.0  # a drawing of at most this width stands beside another

Counts = Sequence[Sequence[int | float]]


@dataclass(frozen=True)
class _Layout:
    """Where cells stand: the side of one, and the room for names at the left, above and at the right."""

    cell: float
    left: float
    top: float
    right: float
    is_turned: bool  # the names above lean to the right, where they are wider than a cell


def matrix(title: str, rows: Sequence[str], columns: Sequence[str], values: Counts, note: str = "") -> Markup:
    """Draw counts; where rows and columns are the same names, the diagonal is what is right.

    Of more than 30 names, those with the most mistakes are shown, and the page says so.
    """
    is_square = list(rows) == list(columns)
    shown, said = _chosen(rows, columns, values, is_square)
    rows, columns = [rows[i] for i in shown[0]], [columns[j] for j in shown[1]]
    values = [[values[i][j] for j in shown[1]] for i in shown[0]]
    if not rows or not columns:
        return nothing(title, note)
    layout = _layout(rows, columns, values)
    width = layout.left + layout.cell * len(columns) + layout.right
    height = layout.top + layout.cell * len(rows) + 4
    names = [_column_label(name, layout, j) for j, name in enumerate(columns)]
    names += [_row_label(name, layout, i) for i, name in enumerate(rows)]
    cells = _cells(rows, columns, values, is_square, layout)
    described = f"{len(rows)} rows, {len(columns)} columns of counts"
    drawn = svg(title, described, height, *names, *cells, width=width, style=f"width:{width:.0f}px")
    tones = "Blue is right, orange is wrong; the" if is_square else "The"
    notes = " ".join(part for part in (note, said, f"{tones} colour grows with the square root of the count.") if part)
    content = tag("div", drawn, class_="scroll", tabindex=0)
    return figure(title, content, notes, class_="wide" if width > NARROW else None)


def _layout(rows: Sequence[str], columns: Sequence[str], values: Counts) -> _Layout:
    least = LEAST_OF_MANY if len(columns) >= MANY else LEAST_CELL
    cell = max(least, 10 + LETTER * max(len(_short(value)) for row in values for value in row))
    left = 12 + WIDE * LETTER * min(MOST_LABEL, max(map(width_of, rows)))
    widest = WIDE * LETTER * min(MOST_LABEL, max(map(width_of, columns)))
    is_turned = widest > cell - 4
    top, right = (14 + 0.75 * widest, 0.75 * widest) if is_turned else (22.0, 4.0)
    return _Layout(cell, left, top, right, is_turned)


def _cells(
    rows: Sequence[str], columns: Sequence[str], values: Counts, is_square: bool, layout: _Layout
) -> list[Markup]:
    """Draw every cell; the diagonal and the rest are toned each by its own largest count."""
    places = [(i, j) for i in range(len(rows)) for j in range(len(columns))]
    most = {True: 0.0, False: 0.0}
    for i, j in places:
        most[is_square and i == j] = max(most[is_square and i == j], values[i][j])
    cells = []
    for i, j in places:
        is_right = is_square and i == j
        strength = STRONGEST * math.sqrt(max(0.0, values[i][j]) / (most[is_right] or 1.0))
        kind = "right" if is_right or not is_square else "wrong"
        corner = (layout.left + layout.cell * j, layout.top + layout.cell * i, layout.cell)
        cells.append(_cell(corner, values[i][j], f"{rows[i]} → {columns[j]}", kind, strength))
    return cells


def _cell(place: tuple[float, float, float], value: float, name: str, kind: str, strength: float) -> Markup:
    x, y, side = place
    opacity = f"{strength:.2f}" if value else None
    back = tag(
        "rect", x=x, y=y, width=side - 1, height=side - 1, class_=kind if value else "empty", fill_opacity=opacity
    )
    if not value:
        return back
    said = tag("title", f"{name}: {value:,}")
    return tag("g", said, back, tag("text", _short(value), x=x + side / 2 - 0.5, y=y + side / 2 + 4, class_="count"))


def _row_label(name: str, layout: _Layout, index: int) -> Markup:
    y = layout.top + layout.cell * (index + 0.5) + 4
    return tag("text", tag("title", name), clipped(name, MOST_LABEL), x=layout.left - 8, y=y, text_anchor="end")


def _column_label(name: str, layout: _Layout, index: int) -> Markup:
    x = layout.left + layout.cell * (index + 0.5)
    whole, short = tag("title", name), clipped(name, MOST_LABEL)
    if not layout.is_turned:
        return tag("text", whole, short, x=x, y=layout.top - 7, text_anchor="middle")
    x, y = x + 3, layout.top - 6
    return tag("text", whole, short, x=x, y=y, transform=f"rotate(-45 {x:.1f} {y:.1f})")


def _chosen(
    rows: Sequence[str], columns: Sequence[str], values: Counts, is_square: bool
) -> tuple[tuple[list[int], list[int]], str]:
    """Return which rows and columns are drawn, and what is said about it."""
    if max(len(rows), len(columns)) <= MOST_NAMES:
        return (list(range(len(rows))), list(range(len(columns)))), ""
    if not is_square:
        few = list(range(min(len(rows), MOST_NAMES))), list(range(min(len(columns), MOST_NAMES)))
        return few, f"The first {MOST_NAMES} of {len(rows):,} rows and {len(columns):,} columns."
    mistakes = [sum(row) - row[i] for i, row in enumerate(values)]
    for row in values:
        for j, value in enumerate(row):
            mistakes[j] += value
    mistakes = [total - values[i][i] for i, total in enumerate(mistakes)]
    worst = sorted(sorted(range(len(rows)), key=lambda i: -mistakes[i])[:MOST_NAMES])
    return (worst, worst), f"The {MOST_NAMES} of {len(rows):,} with the most mistakes."


def _short(value: float) -> str:
    """Write a count in at most five characters."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.2f}"
    for limit, unit in ((10_000_000, "M"), (10_000, "k")):
        if value >= limit:
            return f"{value / (limit / 10):.0f}{unit}"
    return f"{int(value)}"
