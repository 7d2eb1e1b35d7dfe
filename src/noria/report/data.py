"""What the model learnt from: records by split, balance of the answers, what could not be used, what is suspicious."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.contract import Target, dispatch
from noria.report.bars import Bar, bar_chart
from noria.report.charts import histogram
from noria.report.markup import Markup, join, tag
from noria.report.panels import panel
from noria.report.tables import Cell, facts, table
from noria.types import Arrays
from noria.units import count_of

if TYPE_CHECKING:
    from noria.pipeline.predictor import Predictor
    from noria.pipeline.prepared import Prepared

MOST_BARS = 30
MOST_EXAMPLES = 10
MOST_ANSWERS = 10_000  # of training, spread evenly, for the histogram of numbers


def data(prepared: Prepared, predictor: Predictor) -> Markup:
    """Return the whole section of a run's report."""
    report, target = prepared.report, predictor.task.target
    found = tag("div", how_read(report), class_="charts") if report.get("readings") else None
    return join(about(prepared), remarks(report), found, answers(prepared, target), quarantine(report))


def about(prepared: Prepared) -> Markup:
    """Return how many records each split has, and where they come from."""
    report = prepared.report
    counts = [(f"{split} records", f"{count:,}") for split, count in report["records"].items()]
    return facts([*counts, ("source", report["source"]), ("fingerprint", tag("code", prepared.fingerprint[:16]))])


def remarks(report: Mapping[str, Any]) -> Markup | None:
    """Return the warnings and, below them, the notes."""
    warnings = [tag("li", line, class_="warning") for line in report["warnings"]]
    notes = [tag("li", line) for line in report["notes"]]
    return tag("ul", warnings, notes) if warnings or notes else None


def how_read(report: Mapping[str, Any]) -> list[Markup]:
    """Return a table for each field that tells how its raw values are read."""
    readings = report.get("readings", {})
    several = len(readings) > 1
    return [
        panel(
            {
                "kind": "table",
                "title": f"{name}: {one['title']}" if several else one["title"],
                "data": one,
                "note": one.get("note", ""),
            }
        )
        for name, one in readings.items()
    ]


def answers(prepared: Prepared, target: Target) -> Markup | None:
    """Draw the balance of the classes, or how numbers are spread, in the training records."""
    state, train = prepared.states["target"], prepared.splits["train"]
    if classes := dispatch.class_names(target, state):
        by_split = {split: _class_counts(target, one.target, len(classes)) for split, one in prepared.splits.items()}
        return _classes([str(name) for name in classes], by_split)
    chosen = np.linspace(0, len(train) - 1, min(len(train), MOST_ANSWERS)).astype(int)
    truth = {name: values[chosen] for name, values in train.target.items()}
    decoded = dispatch.decode_target(target, truth, state)
    numbers = [float(one) for one in decoded if isinstance(one, int | float) and not isinstance(one, bool)]
    if not numbers:
        return None
    return tag("div", histogram("Answers in training", numbers, "answer"), class_="charts")


def _class_counts(target: Target, truth: Arrays, size: int) -> list[int]:
    """Return how many records have each class."""
    codes = dispatch.single_values(target, truth)
    assert codes is not None
    return [int(count) for count in np.bincount(codes, minlength=size)]


def _classes(classes: list[str], by_split: Mapping[str, list[int]]) -> Markup:
    train = by_split["train"]
    order, note = list(range(len(classes))), ""
    if len(classes) > MOST_BARS:
        ranked = sorted(order, key=lambda i: -train[i])
        order = ranked[: MOST_BARS // 2] + ranked[-MOST_BARS // 2 :]
        note = f"The {MOST_BARS // 2} most and the {MOST_BARS // 2} least frequent of {len(classes):,} classes."
    total = max(1, sum(train))
    bars = [Bar(classes[i], train[i], beside=f"({100 * train[i] / total:.1f} %)") for i in order]
    drawn = tag("div", bar_chart("Classes in training", bars, "records", note), class_="charts")
    rows: list[list[Cell]] = [[name, *(counts[i] for counts in by_split.values())] for i, name in enumerate(classes)]
    whole = tag("details", tag("summary", "Every class in every split"), table(["class", *by_split], rows))
    return join(drawn, whole)


def quarantine(report: Mapping[str, Any], all_of_them: str = "quarantine.jsonl") -> Markup:
    """Return why records could not be used, with the first of them. `all_of_them`: where all stand."""
    count = report["quarantined"]
    if not count:
        return tag("p", "Every record could be used.")
    reasons = [[reason, number] for reason, number in report["reasons"].items()]
    examples = [[one["where"], one["reason"]] for one in report["quarantine"][:MOST_EXAMPLES]]
    title = f"{count_of(count, 'record')} could not be used"
    first = f"The first {len(examples)}; all are in {all_of_them}" if count > len(examples) else "Each of them"
    return join(
        tag("h3", title),
        table(["reason", "records"], reasons),
        tag("details", tag("summary", first), table(["where", "reason"], examples)),
    )
