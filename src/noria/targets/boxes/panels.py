"""What a report draws of things found in pictures: precision and recall, each class, what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noria.targets.boxes.metrics import CROWD, Matches, average_precisions, matched, overlaps_with, shown_counts
from noria.types import Arrays, Panel
from noria.vision.boxes import ious

CURVE_POINTS = 60
CURVES = 8  # classes drawn, the most frequent
CLASSES_SHOWN = 30  # in the confusion matrix
OVERLAP = 0.5  # from which a box is a find
NOTHING = "(nothing)"


def detection_panels(output: Arrays, truth: Arrays, labels: Sequence[str], threshold: float) -> list[Panel]:
    """Return the panels of settled outputs; `threshold` is the score from which a box is shown."""
    matches = matched(output, truth, len(labels))
    return [
        _curves(matches, labels, threshold),
        _each_class(matches, labels, threshold, len(truth["boxes"])),
        _confusion(output, truth, labels, threshold),
        _by_threshold(matches, threshold, len(truth["boxes"])),
    ]


def _curves(matches: Sequence[Matches], labels: Sequence[str], threshold: float) -> Panel:
    """Draw precision over recall, each point a threshold."""
    order = sorted(range(len(labels)), key=lambda label: -matches[label].true[0].sum())[:CURVES]
    lines = {}
    for label in order:
        one = matches[label]
        total = one.true[0].sum()
        counts = ~one.is_ignored[0, 0]
        right = np.cumsum(one.is_right[0, 0][counts])
        if total and len(right):
            chosen = np.unique(np.linspace(0, len(right) - 1, min(len(right), CURVE_POINTS)).astype(int))
            points = zip(right[chosen] / total, right[chosen] / (chosen + 1), strict=True)
            lines[labels[label]] = [[round(float(x), 4), round(float(y), 4)] for x, y in points]
    note = f"Boxes that share at least half of their area, from the surest on; answers show those from {threshold} on."
    return Panel("curve", "Precision and recall", {"x": "recall", "y": "precision", "lines": lines}, note)


def _each_class(matches: Sequence[Matches], labels: Sequence[str], threshold: float, count: int) -> Panel:
    precisions = average_precisions(matches, np.ones((1, count)), 0, slice(None))[0]
    rows = []
    for name, of_label, counts in zip(
        labels, precisions, shown_counts(matches, threshold, count).sum(2).T, strict=True
    ):
        right, given, true = counts
        shares = (of_label[0], of_label.mean(), right / given if given else None, right / true if true else None)
        rows.append([name, int(true), *(None if x is None or np.isnan(x) else round(float(x), 4) for x in shares)])
    rows.sort(key=lambda row: row[2] if row[2] is not None else -1)
    columns = ["class", "boxes", "AP50", "AP50-95", "precision", "recall"]
    note = f"Precision and recall of the boxes that answers show, those from {threshold} on."
    return Panel("table", "Each class, worst first", {"columns": columns, "rows": rows}, note)


def _confusion(output: Arrays, truth: Arrays, labels: Sequence[str], threshold: float) -> Panel:
    """Count what each true box was taken for: by the surest shown box, of any class, that shares half of its area."""
    matrix = np.zeros((len(labels) + 1,) * 2, np.int64)
    for i in range(len(truth["boxes"])):
        shown = output["scores"][i] >= threshold
        boxes, given = output["boxes"][i][shown], output["labels"][i][shown]
        true = truth["boxes"][i]
        true, optional = true[true[:, 5] == 0], true[true[:, 5] > 0]
        overlaps, wanted = ious(boxes, true[:, :4]), true[:, 4].astype(int)
        unscored = overlaps_with(boxes, optional[:, :4], optional[:, 5] == CROWD).max(1, initial=0)
        is_free = np.ones(len(true), bool)
        for index, label in enumerate(given.tolist()):
            near = np.where(is_free, overlaps[index], 0)
            best = int(near.argmax()) if len(near) else -1
            if best >= 0 and near[best] >= OVERLAP:
                is_free[best] = False
                matrix[wanted[best], label] += 1
            elif unscored[index] < OVERLAP:
                matrix[-1, label] += 1
        np.add.at(matrix[:, -1], wanted[is_free], 1)
    shown_labels = np.argsort(-(matrix.sum(0) + matrix.sum(1))[:-1], kind="stable")[:CLASSES_SHOWN]
    order = [*np.sort(shown_labels).tolist(), len(labels)]
    names = [*labels, NOTHING]
    chosen = [names[i] for i in order]
    note = f"Rows are the truth, columns what was shown (from {threshold} on) in its place."
    return Panel(
        "matrix",
        "Confusion",
        {"rows": chosen, "columns": chosen, "values": matrix[np.ix_(order, order)].tolist()},
        note,
    )


def _by_threshold(matches: Sequence[Matches], threshold: float, count: int) -> Panel:
    """Draw precision, recall and F1 of the boxes shown from each score on: what target.threshold could be."""
    lines: dict[str, list[list[float]]] = {"precision": [], "recall": [], "F1": []}
    best = (0.0, threshold)
    for score in np.linspace(0.05, 0.95, 19):
        right, given, true = shown_counts(matches, float(score), count).sum((1, 2))
        for name, above, below in (
            ("precision", right, given),
            ("recall", right, true),
            ("F1", 2 * right, given + true),
        ):
            if below:
                lines[name].append([round(float(score), 2), round(float(above / below), 4)])
        if given + true:
            best = max(best, (2 * right / (given + true), float(score)))
    note = f"Answers show boxes from target.threshold = {threshold} on; F1 would be best at {best[1]:.2f}."
    return Panel("curve", "Which boxes are shown", {"x": "threshold", "y": "share", "lines": lines}, note)
