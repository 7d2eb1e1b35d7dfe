"""The ledger for people: as text, as a table of commas, and as a page with plots."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from noria.aligned import aligned
from noria.ledger.statement import Row
from noria.report.bars import Bar, bar_chart
from noria.report.markup import Markup, join, tag
from noria.report.page import document
from noria.report.tables import table
from noria.store.disk import AGAIN_ADVICE, replace_file

COLUMNS = (
    "predictions", "cost", "expected_value", "expected_margin", "realised_value", "realised_margin",
    "break_even_predictions",
)  # fmt: skip
SHOWN_BARS = 40


def ledger_text(by: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a line a group, and below it what is to be known of the prices."""
    if not rows:
        return "nothing is booked"
    head = [*by, "", *(one.replace("_", " ") for one in COLUMNS)]
    lines = [head, *([*(row.group[one] or "-" for one in by), row.currency, *_cells(row)] for row in rows)]
    return "\n".join([*aligned(lines, len(by) + 1), *_remarks(rows)])


def write_csv(path: Path, by: Sequence[str], rows: Sequence[Row]) -> None:
    """Write all figures, a row a group."""
    told = [_flat(one) for one in rows]
    names = list(dict.fromkeys([*by, *(name for one in told for name in one)]))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(told)
    replace_file(path, text.getvalue().encode(), AGAIN_ADVICE)


def ledger_page(by: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a page of its own."""
    told = [row.as_json() for row in rows]
    cells = [[*(row.group[name] or "-" for name in by), row.currency, *(one[name] for name in COLUMNS)]
             for row, one in zip(rows, told, strict=True)]  # fmt: skip
    charts = {
        title: _charts(key, rows)
        for title, key in (("Cost", "cost"), ("Expected value", "expected_value"), ("Realised value", "realised_value"))
        if any(one[key] is not None for one in told)
    }
    head = [*by, "currency", *(name.replace("_", " ") for name in COLUMNS)]
    top = join(tag("h1", "Ledger"), *(tag("p", one) for one in _remarks(rows)))
    return document("Ledger", top, {"All": table(head, cells), **charts})


def _charts(key: str, rows: Sequence[Row]) -> Markup:
    """Draw one sum of all groups that have it, on an axis for each currency."""
    drawn = []
    for currency in sorted({row.currency for row in rows}):
        found = [(row, row.as_json()[key]) for row in rows if row.currency == currency]
        bars = [Bar(" ".join(one or "-" for one in row.group.values()), value) for row, value in found if value]
        cut = f"The first {SHOWN_BARS} of {len(bars)}." if len(bars) > SHOWN_BARS else ""
        if bars:
            drawn.append(bar_chart(f"in {currency}", bars[:SHOWN_BARS], note=cut))
    return tag("div", *drawn, class_="charts")


def _cells(row: Row) -> list[str]:
    told = row.as_json()
    return [_written(told[name]) for name in COLUMNS]


def _written(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6f}".rstrip("0").rstrip(".")


def _remarks(rows: Sequence[Row]) -> list[str]:
    found = []
    if assumed := sum(one.assumed for one in rows):
        share = assumed / max(1, sum(one.cost for one in rows))
        found.append(f"{share:.0%} of the costs are at assumed prices: noria ledger prices --write")
    if not all(one.has_margin for one in rows):
        told = "noria ledger prices --write, `currency`, says that of costs to come"
        found.append(f"costs and values are in several currencies, which leaves no margin: {told}")
    return found


def _flat(row: Row) -> dict[str, Any]:
    told = row.as_json()
    quantities = told.pop("quantities")
    return {**told, **quantities}
