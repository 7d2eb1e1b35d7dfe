"""Tables that scroll on a narrow screen and fold where they are long."""

from __future__ import annotations

import math
from collections.abc import Sequence

from noria.report.markup import Child, Markup, join, tag, text
from noria.report.scale import number

SHOWN = 20
MOST_ROWS = 1_000  # of a single table, so that the page stays small
MOST_TEXT = 200  # characters of one cell

Cell = str | int | float | None


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], shown: int = SHOWN) -> Markup:
    """Return a table; numbers stand at the right, None is a dash, rows after `shown` are folded away."""
    if not rows:
        return tag("p", "None.", class_="soft")
    kept = [[row[i] for row in rows[:MOST_ROWS]] for i in range(len(columns))]
    kinds = ["number" if _is_numeric(values) else None for values in kept]
    names = [tag("th", name, class_=kind, scope="col") for name, kind in zip(columns, kinds, strict=True)]
    cells = [
        [tag("td", said, class_=kind) for said in _column(values)] for values, kind in zip(kept, kinds, strict=True)
    ]
    lines = [tag("tr", line) for line in zip(*cells, strict=True)]
    head = tag("thead", tag("tr", names))
    first = _scrolling(tag("table", head, tag("tbody", lines[:shown])))
    if len(lines) <= shown:
        return first
    left_out = len(rows) - len(lines)
    more = f"{len(lines) - shown:,} more" + (f"; a further {left_out:,} are left out" if left_out else "")
    return join(
        first, tag("details", tag("summary", more), _scrolling(tag("table", head, tag("tbody", lines[shown:]))))
    )


def facts(pairs: Sequence[tuple[str, Child]]) -> Markup:
    """Return a table of names and values without a head."""
    rows = [tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in pairs]
    return _scrolling(tag("table", tag("tbody", rows), class_="facts"))


def _column(values: Sequence[Cell]) -> list[Markup]:
    """Write a column; fractions get equally many decimals, so that the eye can compare them."""
    numbers = [value for value in values if isinstance(value, int | float)]
    plain = [number(value) for value in numbers]
    if any(isinstance(value, float) for value in numbers) and not any("e" in one or "," in one for one in plain):
        decimals = max(len(one.partition(".")[2]) for one in plain)
        return [written(f"{one:.{decimals}f}" if _is_number(one) else one) for one in values]
    return [written(value) for value in values]


def _is_numeric(values: Sequence[Cell]) -> bool:
    return all(value is None or _is_number(value) for value in values)


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _scrolling(whole: Markup) -> Markup:
    return tag("div", whole, class_="scroll", tabindex=0)


def written(value: object) -> Markup:
    """Return one value as a reader wants it: numbers in a few digits, None as a dash, long text cut, texts in a row."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return text("–")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return text(number(value))
    said = " / ".join(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else str(value)
    return text(said if len(said) <= MOST_TEXT else said[: MOST_TEXT - 1] + "…")
