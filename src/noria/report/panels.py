"""What the target wants shown beside the scores: each kind of Panel (types/records.py) drawn by its chart."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from noria.report.bars import Bar, bar_chart
from noria.report.charts import Chart, Line, line_chart
from noria.report.figure import figure
from noria.report.markup import Markup, tag
from noria.report.matrix import matrix
from noria.report.tables import table

FEW_COLUMNS = 6  # a table of so many stands beside another panel


def panel(given: Mapping[str, Any], classes: int = 0) -> Markup:
    """Draw a panel as metrics.json has it. `classes`: how many the target knows, where a matrix shows only some.

    A kind that is not known is named, not hidden.
    """
    draw = _DRAWN.get(given["kind"])
    if draw is None:
        return figure(given["title"], tag("p", f"This version cannot draw a {given['kind']!r}.", class_="soft"))
    note = given.get("note", "")
    shown = len(given["data"].get("rows", ()))
    if given["kind"] == "matrix" and shown < classes:
        note = f"{note} {shown:,} of {classes:,} classes are shown.".strip()
    return draw(given["title"], given["data"], note)


def _table(title: str, data: Mapping[str, Any], note: str) -> Markup:
    is_wide = len(data["columns"]) > FEW_COLUMNS
    return figure(title, table(data["columns"], data["rows"]), note, class_="wide" if is_wide else None)


def _matrix(title: str, data: Mapping[str, Any], note: str) -> Markup:
    return matrix(
        title, [str(name) for name in data["rows"]], [str(name) for name in data["columns"]], data["values"], note
    )


def _curve(title: str, data: Mapping[str, Any], note: str) -> Markup:
    bands = data.get("bands", {})
    lines = [Line(name, _pairs(points), bands.get(name, ())) for name, points in data.get("lines", {}).items()]
    scatters = [Line(name, _pairs(points)) for name, points in data.get("points", {}).items()]
    return line_chart(
        Chart(title, data["x"], data["y"], lines, scatters, has_diagonal=bool(data.get("diagonal")), note=note)
    )


def _bars(title: str, data: Mapping[str, Any], note: str) -> Markup:
    names, values = data["names"], data["values"]
    lows, highs = data.get("low", [None] * len(names)), data.get("high", [None] * len(names))
    bars = [Bar(str(name), *rest) for name, *rest in zip(names, values, lows, highs, strict=True)]
    return bar_chart(title, bars, data.get("unit", ""), note)


def _picture(title: str, data: Mapping[str, Any], note: str) -> Markup:
    drawn = base64.b64encode(data["svg"].encode()).decode("ascii")  # as data, in which nothing runs
    image = tag("img", src=f"data:image/svg+xml;base64,{drawn}", alt=title, style="max-width: 100%")
    return figure(title, image, note, class_="wide")


def _pairs(points: Any) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if x is not None and y is not None]


_DRAWN: dict[str, Callable[[str, Mapping[str, Any], str], Markup]] = {
    "table": _table,
    "matrix": _matrix,
    "curve": _curve,
    "bars": _bars,
    "picture": _picture,
}
