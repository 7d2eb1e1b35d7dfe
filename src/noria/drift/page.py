"""A page on a window of live records: the verdict, each test, the score, how probabilities and classes have moved.

Knows assessments, no model. Read next: assessment.py.
"""

from __future__ import annotations

import numpy as np

from noria.drift.assessment import Assessment, sentences
from noria.drift.two_samples import farthest
from noria.pipeline.observations import Observations
from noria.report.bars import Bar, bar_chart
from noria.report.charts import Chart, Line, line_chart
from noria.report.markup import Markup, join, tag
from noria.report.page import document
from noria.report.tables import table

MOST_CHARTS, POINTS = 6, 60
MOST_CLASSES = 30


def page(found: Assessment, before: Observations, window: Observations, name: str, remarks: list[str]) -> str:
    """Return the page; `before` and `window` are the observations that were set beside one another."""
    verdict = sentences(found)[0]
    top = join(tag("h1", f"{name}: {'drift' if found.has_alarm else 'no drift found'}"), tag("p", verdict))
    said = [*remarks, *found.notes]
    sections: dict[str, Markup | None] = {
        "Score": _score(found),
        "Tests": _tests(found),
        "Answers then and now": tag("div", _distributions(before, window), class_="charts"),
        "Classes": _classes(found),
        "Most unlike calibration": _unlike(found),
        "Notes": join(*(tag("p", one) for one in said)) if said else None,
    }
    return document(f"{name}: watched", top, sections)


def _score(found: Assessment) -> Markup:
    named = {"calibration": found.before, "now, expected": found.expected, "now, realised": found.realised}
    bars = [Bar(name, one.value, one.low, one.high, f"n={one.n}") for name, one in named.items() if one is not None]
    note = "Expected: from how sure the answers are. Realised: of the records whose truth is known. Intervals of 95 %."
    chart = bar_chart(f"{found.score}, {found.direction} is better", bars, note=note)
    return tag("div", chart, class_="charts")


def _tests(found: Assessment) -> Markup:
    rows = [[one.name, one.method, one.statistic, one.p, one.most, "yes" if one.alarm else "no"] for one in found.tests]
    share = found.level / max(1, len(found.tests))
    note = (
        f"An alarm where p is below {share:.3g}: the level {found.level:g}, shared by {len(rows)} tests. "
        "p is corrected for the number of columns."
    )
    return join(table(["what", "test", "statistic", "p", "most in", "alarm"], rows), tag("p", note, class_="soft"))


def _distributions(before: Observations, window: Observations) -> list[Markup]:
    """Draw, of the columns that moved most, which share of the records lies below each value, then and now."""
    one, other = (seen.values[np.isfinite(seen.values).all(1)] for seen in (before, window))
    if not len(one) or not len(other):
        return []
    moved = [(farthest(one[:, column], other[:, column]), column) for column in range(len(before.names))]
    shown = sorted(sorted(moved, reverse=True)[:MOST_CHARTS], key=lambda one: one[1])
    return [
        line_chart(
            Chart(
                before.names[column],
                before.names[column] if before.kind in ("numbers", "confidence") else "probability",
                "share of records below",
                [
                    Line("calibration", _below(one[:, column])),
                    Line("now", _below(other[:, column])),
                ],
            )
        )
        for _, column in shown
    ]


def _below(values: np.ndarray) -> list[tuple[float, float]]:
    shares = np.linspace(0, 1, POINTS)
    return [(float(x), float(y)) for x, y in zip(np.quantile(values, shares), shares, strict=True)]


def _classes(found: Assessment) -> Markup | None:
    if not found.labels:
        return None
    most = sorted(found.labels, key=lambda one: -abs(one.answered - one.before))[:MOST_CLASSES]
    rows = [[one.name, one.before, one.answered, None if one.now is None else str(one.now)] for one in most]
    note = "True now: as the answers and the confusion matrix of calibration tell it (BBSE), with its interval."
    return join(
        table(["class", "true in calibration", "answered now", "true now, estimated"], rows),
        tag("p", note, class_="soft"),
    )


def _unlike(found: Assessment) -> Markup | None:
    rows = [[one.where, one.distance, one.confidence] for one in found.unlike if one.where]
    note = "Distance to the nearest record of calibration; 1 is what is usual there."
    return join(table(["record", "distance", "confidence"], rows), tag("p", note, class_="soft")) if rows else None
