"""The rival of a tuning: what a simple model reaches on the same validation records, before any setting is tried."""

from __future__ import annotations

from typing import NamedTuple

from noria.contract import Metric, Task
from noria.metrics.intervals import point
from noria.pipeline.prepared import Prepared
from noria.training.rivals.beside import fitted_rivals
from noria.types import rows_of


class Rival(NamedTuple):
    """A simple model, its score on validation, and the seconds that it took."""

    name: str
    score: float
    seconds: float


def rival_score(prepared: Prepared, task: Task, metric: Metric) -> Rival | None:
    """Return the best of the simple models that suit the task, fitted on training, scored on validation.

    None where there is none for a task, or too few records. The data comes without its test split.
    """
    held_out = prepared.splits["validation"]
    truth = rows_of(held_out.target, slice(None))
    found = []
    for one in fitted_rivals(task, prepared.states, prepared.splits["train"]):
        score = point(metric, one.outputs(held_out), truth)
        if score is not None:
            found.append(Rival(one.name, score, one.seconds or 0.0))
    sign = 1 if metric.direction == "higher" else -1
    return max(found, key=lambda one: sign * one.score, default=None)
