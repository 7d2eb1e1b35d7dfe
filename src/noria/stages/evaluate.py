"""Score a bundle: every metric with its interval, the trivial baseline beside it, slices, and what the report draws.

Scores come from the bundle as it will be shipped, never from the model still in training. Knows no task.
Read next: metrics/intervals.py, stages/report.py.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from noria.errors import UserError
from noria.job import Job
from noria.metrics.intervals import LEAST_RESAMPLES, measure
from noria.pipeline.bundle import Bundle
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.prepared import Prepared
from noria.report import write_report
from noria.report.card import write_card
from noria.reporter import Reporter, Terminal
from noria.stages.compare import compare_to
from noria.store.array_store import scored_split
from noria.store.disk import write_json
from noria.store.run_folder import read_json
from noria.training.memory import most_bytes
from noria.types import Arrays, Dataset

LEAST_SLICE = 30  # records under which a slice is flagged as too small to say much


def evaluate(run: str | Path, data: str | Path | None = None, reporter: Reporter | None = None) -> dict[str, Any]:
    """Score a run's bundle on its own test split, as training did, or on other data; return what metrics.json holds.

    Other data is scored whole, or its test split where the source is divided. It is written to
    RUN/metrics-<name of the data>.json, and unusable records are counted in it.
    """
    reporter = reporter or Terminal()
    run = Path(run)
    if data is None:
        metrics: dict[str, Any] = read_json(run / "metrics.json")
        return metrics
    predictor = load(run)
    dataset, bad = predictor.read(Path(data), needs_answer=True)
    for one in bad[:5]:
        reporter.say(f"not scored: {one.where}: {one.reason}")
    if not len(dataset):
        raise UserError("there are no usable records to score", where=str(data))
    scored = _scored(predictor, dataset, predictor.outputs(dataset), Path(data).name)
    scored["quarantined"] = len(bad)
    if (run / "bundle").is_dir():
        write_json(run / f"metrics-{Path(data).stem}.json", scored)
    return scored


def evaluate_run(run: Path, job: Job, prepared: Prepared, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Score a finished training on its test split; write metrics.json and the model card."""
    started = time.perf_counter()
    predictor = load(run)
    split = scored_split(prepared.splits)
    names = prepared.report["slices"]
    output = predictor.outputs(prepared.splits[split])
    metrics = _scored(predictor, prepared.splits[split], output, split, names)
    if other := job.evaluate.compare_to:
        metrics["compared"] = compare_to(Path(other), job, prepared, predictor, output)
    metrics["seconds"] = {**seconds, "evaluate": round(time.perf_counter() - started, 3)}
    metrics["memory_bytes"] = most_bytes()
    write_json(run / "metrics.json", metrics)
    write_card(run, predictor.bundle, prepared, metrics)
    write_report(run, prepared, predictor, metrics, output)
    return metrics


def _scored(
    predictor: Predictor,
    dataset: Dataset,
    output: Arrays,
    split: str,
    slice_names: Mapping[str, list[str]] | None = None,
) -> dict[str, Any]:
    bundle = predictor.bundle
    task, state, resamples = bundle.task, bundle.states["target"], bundle.job.evaluate.resamples
    truth = _in_memory(dataset.target)
    found = task.target.metrics(state)
    baseline = {name: np.asarray(value, np.float32) for name, value in bundle.config["baseline"].items()}
    trivial = task.trivial(dataset, baseline)
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
    result["panels"] = [asdict(panel) for panel in task.target.panels(output, truth, state)]
    return result


def _slice(bundle: Bundle, output: Arrays, truth: Arrays, chosen: np.ndarray) -> dict[str, Any]:
    count = int(chosen.sum())
    given, of = ({name: values[chosen] for name, values in arrays.items()} for arrays in (output, truth))
    metrics = bundle.task.target.metrics(bundle.states["target"])
    return {"n": count, "is_small": count < LEAST_SLICE, "metrics": measure(metrics, given, of)}


def _in_memory(arrays: Arrays) -> Arrays:
    return {name: values[:] for name, values in arrays.items()}
