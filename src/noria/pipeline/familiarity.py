"""How near records are to those of training, beside answers and scores: far from them, answers are worth less.

Knows no modality: those that can tell declare MeasuresFamiliarity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noria.contract import Metric, Task, dispatch
from noria.types import Arrays, Dataset, Panel, rows_of

BANDS = 6  # of records, as many in each, from the least familiar to the most
LEAST_RECORDS = 30  # below which the bands would say nothing


def familiarities(task: Task, states: Mapping[str, Any], records: Dataset) -> dict[str, np.ndarray]:
    """Return by name how near each record is to the nearest one of training, float[n]; none where no input tells."""
    found = {}
    for name, modality in task.inputs.items():
        measured = dispatch.familiarity(modality, rows_of(records.inputs[name], slice(None)), states["inputs"][name])
        if measured is not None:
            told, values = measured
            found[told if len(task.inputs) == 1 else f"{name}_{told}"] = values
    return found


def familiarity_panels(
    task: Task, states: Mapping[str, Any], records: Dataset, output: Arrays, truth: Arrays, metrics: Sequence[Metric]
) -> list[Panel]:
    """Return the error of records by how near they are to training, by the first metric that each record has."""
    metric = next((one for one in metrics if one.scores is not None), None)
    if metric is None or metric.scores is None or len(records) < LEAST_RECORDS:
        return []
    scores = np.asarray(metric.scores(output, truth), np.float64)
    panels = []
    for name, values in familiarities(task, states, records).items():
        bands = np.array_split(np.argsort(values, kind="stable"), BANDS)
        points = [[round(float(values[one].mean()), 4), round(float(scores[one].mean()), 6)] for one in bands]
        words, score = name.replace("_", " "), metric.name.replace("_", " ")
        data = {"x": words, "y": score, "lines": {"model": points}}
        note = f"Each point is a sixth of the records. {metric.direction.capitalize()} is better."
        panels.append(Panel("curve", f"{score.capitalize()} by {words}", data, note))
    return panels
