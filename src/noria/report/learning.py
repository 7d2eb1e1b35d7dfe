"""How training went: its loss and the validation scores over the epochs, from history.jsonl and times.jsonl."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from noria.report.charts import Chart, Line, line_chart
from noria.report.markup import Markup, join, tag
from noria.report.scale import LOG_RATIO, number
from noria.report.scores import words
from noria.units import duration

MOST_METRICS = 5

Lines = Sequence[Mapping[str, Any]]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a JSON-lines file; none where it is not there, and nothing after a broken line."""
    lines: list[dict[str, Any]] = []
    if path.is_file():
        for line in path.read_text("utf-8").splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                break  # the line being written when a process was killed
    return lines


def learning(history: Lines, times: Lines, chosen_by: str, direction: str) -> Markup:
    """Draw the curves; `chosen_by` is the metric that chose the weights."""
    if not history:
        return tag("p", "No history was written.", class_="soft")
    x_name = "epoch" if all("epoch" in line for line in history) else "step"
    charts = [_loss(history, x_name)]
    scored = [line for line in history if line.get("validation")]
    given = [line["validation"] for line in scored]
    names = [name for name in given[0] if any(one.get(name) is not None for one in given)] if given else []
    charts += [
        _validation(scored, name, x_name, direction if name == chosen_by else "") for name in names[:MOST_METRICS]
    ]
    seconds = training_seconds(times)
    took = f"{history[-1]['step']:,} steps" + (f" in {duration(seconds)}" if seconds is not None else "")
    said = [f"{took}."]
    if skipped := sum(line.get("skipped", 0) for line in history):
        said.append(f"{skipped:,} steps had a loss that was no finite number and were skipped.")
    if not scored:
        said.append("Nothing was held out for validation; the last weights were taken.")
    return join(tag("p", " ".join(said)), tag("div", charts, class_="charts"))


def training_seconds(times: Lines) -> float | None:
    """Return the seconds of all training, which begin again at zero after each resumption."""
    total, before = 0.0, 0.0
    for line in times:
        if line["seconds"] < before:
            total += before
        before = line["seconds"]
    return total + before if times else None


def _loss(history: Lines, x_name: str) -> Markup:
    points = [(line[x_name], line["loss"]) for line in history if line.get("loss") is not None]
    values = [y for _, y in points]
    is_logarithmic = bool(values) and min(values) > 0 and values[0] > LOG_RATIO * values[-1]
    note = "Logarithmic axis." if is_logarithmic else ""
    lines = [Line("training loss", points)]
    return line_chart(Chart("Training loss", x_name, "loss", lines, is_logarithmic=is_logarithmic, note=note))


def _validation(scored: Lines, name: str, x_name: str, direction: str) -> Markup:
    """Draw one validation score; the best is ringed on the metric that chose the weights."""
    points = [(line[x_name], line["validation"].get(name)) for line in scored]
    known = [(x, y) for x, y in points if y is not None]
    mark, note = None, ""
    if known and direction:
        sign = 1 if direction == "higher" else -1
        best = max(known, key=lambda point: sign * point[1])
        mark = Line("best", [best])
        note = f"The weights at the ring were kept: {number(best[1])} at {x_name} {number(best[0])}."
    title = f"Validation {words(name)}"
    return line_chart(Chart(title, x_name, words(name), [Line(words(name), known)], mark=mark, note=note))
