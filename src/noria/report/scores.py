"""The scores: one sentence for a stranger, a table with intervals against the baseline, and the same by slice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from noria.pipeline.cross_validation import NAME, in_words
from noria.pipeline.value_scores import value_lines
from noria.report.bars import Bar, bar_chart, strip
from noria.report.markup import Markup, join, tag
from noria.report.scale import number
from noria.report.tables import Cell, table
from noria.units import count_of

FEW = 100  # records under which the headline warns: an interval of 95 % is then some 10 points wide
MOST_SLICES = 40  # bars of one column
UNBROKEN = "\N{NO-BREAK SPACE}"  # a number and its unit stay on one line

Found = Mapping[str, Any]  # {"value", "low", "high", "unit", "direction"} as in metrics.json


def headline(run_name: str, task: str, metrics: Mapping[str, Any]) -> Markup:
    """Say in one sentence what was scored on what, and whether it beats the trivial answer."""
    first = next(iter(metrics["metrics"].items()), None)
    kind = tag("p", task.replace("-", " "), class_="kind")
    if first is None:
        return tag("header", kind, tag("h1", run_name), tag("p", "Nothing was scored."))
    name, found = first
    baseline = metrics["baseline"].get(name, {}).get("value")
    score = tag("span", _said(found["value"], found), class_="big")
    sentence = tag("p", *_sentence(name, found, baseline, metrics), class_="lead")
    big = tag("p", score, " ", tag("span", words(name), class_="soft"), class_="score")
    count = count_of(metrics["n"], "record")
    few = f"Only {count}: the score can be far off." if metrics["n"] < FEW else None
    warnings = [tag("p", line, class_="warning") for line in [*([few] if few else []), *metrics.get("remarks", [])]]
    return tag("header", kind, tag("h1", run_name), big, sentence, *warnings)


def scores(metrics: Mapping[str, Any]) -> Markup:
    """Return the table of all scores."""
    columns = ["score", "value", "95 % interval", "baseline", "unit", "better is", "score and baseline"]
    rows: list[list[Cell]] = []
    for name, found in metrics["metrics"].items():
        baseline = metrics["baseline"].get(name, {}).get("value")
        value, low, high = found["value"], found["low"], found["high"]
        drawn = strip(words(name), value, low, high, baseline)
        between = _between(found)
        unit = join([part, tag("wbr")] for part in re.split(r"(?<=\|)", found["unit"]))  # a signature has no spaces
        rows.append([words(name), number(value), between, number(baseline), unit, found["direction"], drawn])
    key = "Dot: the score. Bar: its 95 % interval: Wilson's for shares, else from drawing the records again and again. "
    trivial = "Diamond: the baseline, which answers the same whatever it is given. "
    ends = "The line goes from 0 to 1 where all of them lie between."
    lines = value_lines(metrics)
    told = tag("p", f"Value: {'; '.join(lines)}.") if lines else None
    below = tag("p", key + trivial + ends, class_="soft")
    return join(table(columns, rows), told, below, _compared(metrics.get("compared")))


def _compared(compared: Mapping[str, Any] | None) -> Markup | None:
    """Return what another run is compared by: one sentence, and the table of differences."""
    if compared is None:
        return None
    rows: list[list[Cell]] = [
        [words(name), f"{one['value']:+.4g}", _between(one, "+.4g"), one["unit"], one["direction"], one["verdict"]]
        for name, one in compared["metrics"].items()
    ]
    columns = ["score", "difference", "95 % interval", "unit", "better is", "this run is"]
    note = "This run's score less the other's; both were scored on the same draws of the same records."
    title = tag("h3", f"Compared to {compared['to']}")
    return join(title, tag("p", compared["sentence"]), table(columns, rows), tag("p", note, class_="soft"))


def slices(metrics: Mapping[str, Any]) -> Markup | None:
    """Return the first score by slice for each column asked for, or None."""
    drawn = []
    for column, values in metrics.get("slices", {}).items():
        if not values:
            continue
        name = next(iter(next(iter(values.values()))["metrics"]), "")
        whole = metrics["metrics"].get(name, {"value": None, "unit": ""})
        bars = [_slice_bar(str(value), one, name) for value, one in list(values.items())[:MOST_SLICES]]
        few = " Of those marked few there are too few records to say much." if any(
            one["is_small"] for one in values.values()
        ) else ""  # fmt: skip
        cut = f" The first {MOST_SLICES} of {len(values):,} values." if len(values) > MOST_SLICES else ""
        note = f"Upright line: all records, {number(whole['value'])}. Whiskers: 95 % intervals.{few}{cut}"
        drawn.append(bar_chart(f"{words(name)} by {column}", bars, whole["unit"], note, whole["value"]))
    return tag("div", drawn, class_="charts") if drawn else None


def words(name: str) -> str:
    """Return a metric's name as words."""
    return name.replace("_", " ")


def _sentence(name: str, found: Found, baseline: float | None, metrics: Mapping[str, Any]) -> list[Markup | str]:
    split, n = metrics["split"], metrics["n"]
    records = "record" if n == 1 else "records"
    told = {
        NAME: f"{in_words(metrics)}," if "folds" in metrics else "",
        "test": f"{n:,} test {records} that training never saw",
        "validation": f"{n:,} validation {records}, which also chose the weights,",
        "train": f"its own {n:,} training {records}, which says nothing about new ones,",
    }.get(split, f"{n:,} {records} of {split}")
    parts: list[Markup | str] = [f"On {told} the model reaches {words(name)} ", tag("b", _said(found["value"], found))]
    if found["low"] is not None and found["high"] is not None:
        parts.append(f" (95 % interval {_said(found['low'], found)} to {_said(found['high'], found)})")
    if found["value"] is None:
        parts[-1] = "; it cannot be computed on these records"
    if baseline is not None:
        parts += ["; answering without looking at the input reaches ", tag("b", _said(baseline, found))]
    return [*parts, f". {_verdict(found, baseline)}"]


def side_of(found: Found, baseline: float | None) -> str | None:
    """Return whether a score's interval is as a whole `better` or `worse` than the baseline, or `includes` it.

    None where there is no interval or no baseline.
    """
    low, high = found["low"], found["high"]
    if baseline is None or low is None or high is None:
        return None
    worst, best = (low, high) if found["direction"] == "higher" else (-high, -low)
    trivial = baseline if found["direction"] == "higher" else -baseline
    return "better" if worst > trivial else "worse" if best < trivial else "includes"


def _verdict(found: Found, baseline: float | None) -> str:
    side = side_of(found, baseline)
    better = f"({found['direction']} is better)"
    if side == "better":
        return f"The whole interval is better {better}: the model has learnt something."
    if side == "worse":
        return f"The whole interval is worse {better}."
    return "" if side is None else f"The interval includes that {better}: nothing shows that the model has learnt."


def _said(value: float | None, found: Found) -> str:
    """Return a value with its unit; shares as percent."""
    if value is None:
        return "–"
    if found["unit"] == "fraction":
        decimals = 0 if value in (0, 1) else 1 if abs(value) < 0.995 else 2
        return f"{100 * value:.{decimals}f}{UNBROKEN}%"
    return f"{number(value)}{UNBROKEN}{found['unit']}" if len(found["unit"]) <= 8 else number(value)


def _between(found: Found, form: str = "") -> str:
    if found.get("note"):
        return str(found["note"])
    if found["low"] is None or found["high"] is None:
        return "–"
    low, high = (format(found[end], form) if form else number(found[end]) for end in ("low", "high"))
    return f"{low} to {high}"


def _slice_bar(value: str, one: Mapping[str, Any], name: str) -> Bar:
    found = one["metrics"].get(name, {"value": None, "low": None, "high": None})
    beside = f"n={one['n']:,}{' few' if one['is_small'] else ''}"
    return Bar(value, found["value"], found["low"], found["high"], beside)
