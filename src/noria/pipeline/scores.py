"""Answers scored: every metric with its interval, the trivial baseline beside it, and the same by slices.

Knows no task. Read next: metrics/intervals.py, stages/evaluate.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from noria.contract import dispatch
from noria.metrics.intervals import LEAST_RESAMPLES, measure
from noria.pipeline.bundle import Bundle
from noria.pipeline.familiarity import familiarity_panels
from noria.pipeline.predictor import Predictor
from noria.pipeline.remarks import only_answer, remarks
from noria.pipeline.value_scores import value_panels, value_scores
from noria.pipeline.worth import Worth, metrics_of
from noria.types import Arrays, Dataset, rows_of

LEAST_SLICE = 30  # records under which a slice is flagged as too small to say much


def scores(
    predictor: Predictor,
    dataset: Dataset,
    output: Arrays,
    split: str,
    slice_names: Mapping[str, list[str]] | None = None,
    leaks: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what metrics.json holds of answers to a dataset: n, scores, baseline, scores by slice, panels, remarks.

    `slice_names` are the values of each column that scores are told by, by their codes in the dataset. `leaks` are what
    preparation found to give the answer away.
    """
    bundle = predictor.bundle
    task, state, resamples = bundle.task, bundle.states["target"], bundle.job.evaluate.resamples
    truth = rows_of(dataset.target, slice(None))
    found, worth = metrics_of(task, bundle.states), Worth.of(task, bundle.states)
    baseline = {name: np.asarray(value, np.float32) for name, value in bundle.config["baseline"].items()}
    trivial = dispatch.predict_baseline(task, dataset, baseline)
    result: dict[str, Any] = {
        "split": split,
        "n": len(dataset),
        "metrics": measure(found, output, truth, resamples, groups=dataset.groups),
        "baseline": measure(found, trivial, truth, LEAST_RESAMPLES, groups=dataset.groups),
    }
    if worth:
        score = [worth.trivial.metric()]
        result["baseline"] |= measure(score, trivial, truth, LEAST_RESAMPLES, groups=dataset.groups)
        result["value"] = value_scores(worth, output, truth, resamples, dataset.groups)
    if dataset.groups is not None:
        result["groups"] = len(np.unique(dataset.groups))
    if (only := only_answer(task.target, state, truth)) is not None:
        for one in result["metrics"].values():
            one |= {"low": None, "high": None, "note": f"every answer is {only!r}: no interval"}
    result["remarks"] = remarks(task.target, state, truth, result, leaks)
    slices = {}
    for column, names in (slice_names or {}).items():
        if column not in dataset.slices:  # windows of running text belong to no record
            continue
        codes = np.asarray(dataset.slices[column])
        slices[column] = {
            name: _slice(bundle, output, truth, codes == code, dataset.groups)
            for code, name in enumerate(names)
            if (codes == code).any()
        }
    if slices:
        result["slices"] = slices
    panels = dispatch.panels(task.target, output, truth, state)
    panels += familiarity_panels(task, bundle.states, dataset, output, truth, found)
    panels += value_panels(worth, output, truth) if worth else []
    result["panels"] = [asdict(panel) for panel in panels]
    return result


def _slice(
    bundle: Bundle, output: Arrays, truth: Arrays, chosen: np.ndarray, groups: np.ndarray | None
) -> dict[str, Any]:
    count = int(chosen.sum())
    given, of = rows_of(output, chosen), rows_of(truth, chosen)
    metrics = metrics_of(bundle.task, bundle.states)
    groups = None if groups is None else groups[chosen]
    return {"n": count, "is_small": count < LEAST_SLICE, "metrics": measure(metrics, given, of, groups=groups)}


def _in_memory(arrays: Arrays) -> Arrays:
    return {name: values[:] for name, values in arrays.items()}
