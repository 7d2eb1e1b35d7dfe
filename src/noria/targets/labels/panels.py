"""What the report shows of several yes/no answers beside the scores: each label, and whether probabilities hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from noria.metrics.ranking import average_precision, roc_auc
from noria.targets.labels.metrics import f1_of_each, of_each
from noria.types import Arrays, Panel

BINS = 10  # of probabilities
COLUMNS = ["label", "records", "yes", "auc", "average precision", "f1", "yes from probability"]


def labels_panels(output: Arrays, truth: Arrays, names: Sequence[str], thresholds: Sequence[float]) -> list[Panel]:
    """Return a table with a row for each label, worst first, and a curve of calibration over all of them."""
    ones = np.ones((1, len(truth["labels"])))
    scores = [of_each(one, output, truth, ones)[:, 0] for one in (roc_auc, average_precision)]
    scores.append(f1_of_each(output, truth, ones, thresholds)[:, 0])
    known = (~np.isnan(truth["labels"])).sum(0)
    yes = (np.asarray(truth["labels"]) == 1).sum(0)
    order = np.argsort(np.nan_to_num(scores[0], nan=2.0), kind="stable")
    rows = [
        [names[i], int(known[i]), int(yes[i]), *(_rounded(one[i]) for one in scores), round(thresholds[i], 4)]
        for i in order
    ]
    note = "A label without a number has too few records of a kind. Average precision by chance is the share of yes."
    table = Panel("table", "Each label, worst first", {"columns": COLUMNS, "rows": rows}, note)
    return [table, _reliability(output, truth)]


def _reliability(output: Arrays, truth: Arrays) -> Panel:
    known = ~np.isnan(truth["labels"])
    chances, holds = expit(output["labels"].astype(np.float64))[known], np.asarray(truth["labels"])[known]
    bins = np.minimum((chances * BINS).astype(int), BINS - 1)
    points = [
        [round(float(chances[bins == b].mean()), 4), round(float(holds[bins == b].mean()), 4)] for b in np.unique(bins)
    ]
    data = {"x": "probability", "y": "share that holds", "lines": {"model": points}, "diagonal": True}
    return Panel("curve", "Calibration", data, "On the diagonal, what is given 80 % holds 80 times of 100. All labels.")


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
