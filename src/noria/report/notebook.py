"""The report's parts in a notebook: a page in a frame of its own, so that its style and the notebook's stay apart.

The frame runs no script and loads nothing. Knows no task. Read next: page.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noria.report.markup import Markup, tag
from noria.report.page import document
from noria.report.panels import panel
from noria.report.scores import headline, scores, slices

HEIGHT_PX = 560  # of a frame, which scrolls: about a screen of a notebook
MOST_BYTES = 4 * 2**20  # of a report that is put into a notebook, which is a file that people send around


def framed(page: str) -> Markup:
    """Return a whole page as an element that a notebook shows."""
    style = f"width: 100%; height: {HEIGHT_PX}px; border: 0"
    return tag("iframe", srcdoc=page, sandbox="", style=style, title="report")


def framed_report(run: Path) -> Markup | None:
    """Return the report of a run or a study as an element; None where there is none, or it is too large."""
    for path in (run / "report.html", run / "tune.html"):
        if path.is_file() and path.stat().st_size <= MOST_BYTES:
            return framed(path.read_text("utf-8"))
    return None


def framed_scores(metrics: Mapping[str, Any]) -> Markup:
    """Return the scores that metrics.json has, with slices and panels, as an element."""
    panels = [panel(one) for one in metrics.get("panels", [])]
    sections = {
        "Scores": scores(metrics),
        "Slices": slices(metrics),
        "Answers in detail": tag("div", panels, class_="charts") if panels else None,
    }
    name = str(metrics["split"])
    return framed(document(f"{name}: scores", headline(name, "scores on", metrics), sections))
