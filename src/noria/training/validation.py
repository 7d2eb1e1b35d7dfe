"""Scores of the held-out split within training, and the metric that chooses among the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.contract import Metric, Task
from noria.errors import UserError, nearest
from noria.job import Job
from noria.metrics.intervals import point
from noria.pipeline.prepared import Prepared
from noria.types import Arrays, Dataset


def score(task: Task, output: Arrays, dataset: Dataset, state: Mapping[str, Any]) -> dict[str, float | None]:
    """Return every metric's value, without intervals: what validation needs."""
    truth = _in_memory(dataset.target)
    return {metric.name: point(metric, output, truth) for metric in task.target.metrics(dict(state))}


def chosen_metric(job: Job, task: Task, prepared: Prepared) -> Metric:
    """Return the metric that chooses among the validated weights."""
    metrics = {metric.name: metric for metric in task.target.metrics(prepared.states["target"])}
    wanted = job.train.best_by or next(iter(metrics))
    if wanted not in metrics:
        like = next((name for name in metrics if wanted in name), nearest(wanted, metrics) or next(iter(metrics)))
        raise UserError(
            f"this is no metric of {job.task}",
            where="train.best_by",
            expected=f"one of {', '.join(metrics)}",
            found=repr(wanted),
            fix=f"train.best_by={like}",
        )
    return metrics[wanted]


def _in_memory(arrays: Arrays) -> Arrays:
    return {name: values[:] for name, values in arrays.items()}
