"""Cross-validation in the report: its scores, each fold's own, and what the target shows of all answers together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.pipeline.cross_validation import explained
from noria.report.markup import Markup, join, tag
from noria.report.panels import panel
from noria.report.scores import scores, words
from noria.report.tables import Cell, table


def cross_validation(metrics: Mapping[str, Any], classes: int) -> Markup | None:
    """Return the whole section, or None where nothing was cross-validated; `classes` as for `panel`."""
    validated = metrics.get("cross_validation")
    if validated is None:
        return None
    names = list(validated["metrics"])
    rows: list[list[Cell]] = [
        [str(number), one["n"], *(one["metrics"].get(name) for name in names)]
        for number, one in enumerate(validated["by_fold"], 1)
    ]
    rows.append(["standard deviation", None, *(validated["spread"].get(name) for name in names)])
    panels = [panel(one, classes) for one in validated.get("panels", [])]
    return join(
        tag("p", explained(metrics)),
        scores(validated),
        tag("h3", "Fold by fold"),
        table(["fold", "records", *map(words, names)], rows, len(rows)),
        tag("div", panels, class_="charts") if panels else None,
    )
