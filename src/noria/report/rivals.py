"""The simple models beside a run, for people: on the page, in the card, in the terminal.

Read next: training/rivals/beside.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.report.markup import Markup, join, tag
from noria.report.scale import number
from noria.report.tables import Cell, table
from noria.units import duration

NOTE = (
    "They learnt from the same records. Difference: this model's first score less theirs, both on the same draws of "
    "the same records. The sentence is about the one that does best on them."
)


def rivals_section(metrics: Mapping[str, Any]) -> Markup | None:
    """Return the simple models as a table with one plain sentence; None where there are none."""
    found = metrics.get("rivals")
    if not found:
        return None
    name = next(iter(metrics["metrics"]))
    rows: list[list[Cell]] = [
        _row(name, "this model", metrics["metrics"], metrics.get("seconds", {}).get("train"), None)
    ]
    for one in found["models"]:
        difference = one["difference"].get(name)
        rows.append(_row(name, one["name"], one["metrics"], one["seconds"], difference))
    between = "95 % interval"
    columns = ["model", name.replace("_", " "), between, "difference", between, "this model is", "learnt in"]
    return join(tag("p", f"This model is {found['sentence']}."), table(columns, rows), tag("p", NOTE, class_="soft"))


def rival_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Return the simple models, one a line, and the sentence, for a terminal or a card."""
    found = metrics.get("rivals")
    if not found:
        return []
    name = next(iter(metrics["metrics"]))
    lines = []
    for one in found["models"]:
        score = one["metrics"][name]
        took = "" if one["seconds"] is None else f" in {duration(one['seconds'])}"
        lines.append(
            f"{one['name']}: {name} {number(score['value'])} [{_between(score)}], from {one['records']:,} records{took}"
        )
    return [*lines, f"this model is {found['sentence']}"]


def _row(
    name: str, model: str, scores: Mapping[str, Any], seconds: float | None, difference: Mapping[str, Any] | None
) -> list[Cell]:
    score = scores[name]
    apart: list[Cell] = ["", "", ""]
    if difference is not None:
        apart = [f"{difference['value']:+.4g}", _between(difference, "+.4g"), difference["verdict"]]
    return [model, number(score["value"]), _between(score), *apart, "–" if seconds is None else duration(seconds)]


def _between(one: Mapping[str, Any], form: str = "") -> str:
    if one["low"] is None:
        return "–"
    return ", ".join(format(one[end], form) if form else number(one[end]) for end in ("low", "high"))
