"""tune.html: the best settings, what mattered, every trial in turn. Knows trials and scores. Read next: results.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from noria.report.bars import Bar, bar_chart
from noria.report.charts import Chart, Line, line_chart
from noria.report.markup import Markup, join, tag
from noria.report.page import document
from noria.report.tables import facts as facts_list
from noria.report.tables import table
from noria.tuning.study import reason_of, score_of, seconds_of, share_of, state_of
from noria.units import duration

IMPORTANCE_NOTE = (
    "By fANOVA over the complete trials of one length; nothing where they are too few, or all scores alike."
)


def page(facts: Mapping[str, Any], sentences: Sequence[str], trials: Sequence[Any]) -> str:
    """Return a page of its own for what a tuning found."""
    best = facts["best"]
    name = f"{facts['metric']} ({facts['unit']}, {facts['direction']} is better)"
    about = (
        f"Trial {best['trial']}, the best of {len(trials)} in {duration(facts['seconds'])}, on {facts['n']} "
        "records. Being the best of several on this split, the figure flatters; the test split was not touched."
    )
    top = join(
        tag("h1", f"Validation {facts['metric']} {best['score']:.4f}"),
        tag("p", about),
        *(tag("p", sentence) for sentence in sentences),
    )
    shares = [Bar(key.rpartition(".")[2], 100 * share) for key, share in facts["importance"].items()]
    chart = line_chart(course(name, facts["direction"], trials))
    sections: dict[str, Markup | None] = {
        "Best settings": facts_list([(key, _text(value)) for key, value in best["settings"].items()]),
        "What mattered": bar_chart("Share in the differences of the scores", shares, "%", IMPORTANCE_NOTE),
        "Trials": join(chart, _table(facts, trials)),
    }
    return document(f"Tuning: validation {facts['metric']} {best['score']:.4f}", top, sections)


def course(name: str, direction: str, trials: Sequence[Any]) -> Chart:
    """Return the chart of every score and of the best whole training so far."""
    points: dict[str, list[tuple[float, float]]] = {kind: [] for kind in ("complete", "short", "stopped early")}
    for trial in trials:
        is_short = state_of(trial) == "complete" and share_of(trial) < 1
        if (score := score_of(trial)) is not None:
            points["short" if is_short else state_of(trial)].append((trial.number, score))
    pick = max if direction == "higher" else min
    values = [score for _, score in points["complete"]]
    so_far = [(number, pick(values[: i + 1])) for i, (number, _) in enumerate(points["complete"])]
    scatters = [Line(kind, found) for kind, found in points.items() if found]
    return Chart("Scores in turn", "trial", name, lines=[Line("best so far", so_far)], scatters=scatters)


def _table(facts: Mapping[str, Any], trials: Sequence[Any]) -> Markup:
    """Return all trials, the rival before them."""
    keys = list(facts["best"]["settings"])
    columns = ["trial", "state", "share", "score", "seconds", *(key.rpartition(".")[2] for key in keys), "reason"]
    rows = [
        [trial.number, state_of(trial), round(share_of(trial), 4), score_of(trial), seconds_of(trial)]
        + [_text(trial.params.get(key, "")) for key in keys]
        + [reason_of(trial)]
        for trial in trials
    ]
    if rival := facts["rival"]:
        rows.insert(0, [rival["name"], "rival", 1, rival["score"], rival["seconds"], *("" for _ in keys), ""])
    return table(columns, rows)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
