"""What the report shows of regions: how well each class is met, and which are taken for one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noria.targets.mask.metrics import confusion, intersection_over_union
from noria.types import Panel

CLASSES_SHOWN = 30  # in the confusion matrix


def region_panels(answer: np.ndarray, truth: np.ndarray, classes: Sequence[str]) -> list[Panel]:
    """Return a table of the classes, worst first, and their confusion, in percent of the true class's places."""
    counts = confusion(answer, truth, len(classes)).sum(0)
    there, given, hits = counts.sum(1), counts.sum(0), np.diagonal(counts)
    iou = intersection_over_union(counts)
    rows = [
        [
            name,
            round(float(there[i] / max(1, counts.sum())), 4),
            _rounded(iou[i]),
            _rounded(hits[i] / given[i] if given[i] else np.nan),
            _rounded(hits[i] / there[i] if there[i] else np.nan),
        ]
        for i, name in enumerate(classes)
    ]
    order = np.argsort([np.inf if row[2] is None else row[2] for row in rows], kind="stable")
    percent = np.rint(100 * counts / np.maximum(there[:, None], 1)).astype(int)
    shown = np.sort(np.argsort(-there, kind="stable")[:CLASSES_SHOWN])
    names = [classes[i] for i in shown]
    note = "Rows are the truth, columns the answer, in percent of the true class's places."
    if len(names) < len(classes):
        note += f" The {len(names)} of {len(classes)} classes with the most places."
    columns = ["class", "share of places", "iou", "precision", "recall"]
    return [
        Panel("table", "Each class, worst first", {"columns": columns, "rows": [rows[i] for i in order]}),
        Panel(
            "matrix",
            "Confusion",
            {"rows": names, "columns": names, "values": percent[np.ix_(shown, shown)].tolist()},
            note,
        ),
    ]


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
