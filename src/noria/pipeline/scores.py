"""Answers scored: every metric with its interval, the trivial baseline beside it, and the same by slices.

Knows no task. Read next: metrics/intervals.py, stages/evaluate.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from noria.contract import dispatch
from noria.metrics.intervals import LEAST_RESAMPLES, measure
from noria.pipeline.bundle import Bundle
from noria.pipeline.predictor import Predictor
from noria.types import Arrays, Dataset, rows_of

LEAST_SLICE = 30  # records under which a slice is flagged as too small to say much


def scores(
    predictor: Predictor,
    dataset: Dataset,
    output: Arrays,
    split: str,
    slice_names: Mapping[str, list[str]] | None = None,
) -> dict[str, Any]:
    """Return what metrics.json holds of answers to a dataset: n, scores, baseline, scores by slice, panels.

    `slice_names` are the values of each column that scores are told by, by their codes in the dataset.
    """
    bundle = predictor.bundle
    task, state, resamples = bundle.task, bundle.states["target"], bundle.job.evaluate.resamples
    truth = rows_of(dataset.target, slice(None))
    found = task.target.metrics(state)
    baseline = {name: np.asarray(value, np.float32) for name, value in bundle.config["baseline"].items()}
    trivial = dispatch.predict_baseline(task, dataset, baseline)
    result: dict[str, Any] = {
        "split": split,
        "n": len(dataset),
        "metrics": measure(found, output, truth, resamples),
        "baseline": measure(found, trivial, truth, LEAST_RESAMPLES),
    }
    slices = {}
    for column, names in (slice_names or {}).items():
        if column not in dataset.slices:  # windows of running text belong to no record
            continue
        codes = np.asarray(dataset.slices[column])
        slices[column] = {
            name: _slice(bundle, output, truth, codes == code)
            for code, name in enumerate(names)
            if (codes == code).any()
        }
    if slices:
        result["slices"] = slices
    result["panels"] = [asdict(panel) for panel in dispatch.panels(task.target, output, truth, state)]
    return result


def _slice(bundle: Bundle, output: Arrays, truth: Arrays, chosen: np.ndarray) -> dict[str, Any]:
    count = int(chosen.sum())
    given, of = rows_of(output, chosen), rows_of(truth, chosen)
    metrics = bundle.task.target.metrics(bundle.states["target"])
    return {"n": count, "is_small": count < LEAST_SLICE, "metrics": measure(metrics, given, of)}
