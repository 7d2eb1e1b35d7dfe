"""The rival of a tuning: what a simple model reaches on the same validation records, before any setting is tried."""

from __future__ import annotations

from typing import NamedTuple

from noria.contract import Metric, Task
from noria.pipeline.prepared import Prepared


class Rival(NamedTuple):
    """A simple model, its score on validation, and the seconds that it took."""

    name: str
    score: float
    seconds: float


def rival_score(prepared: Prepared, task: Task, metric: Metric) -> Rival | None:
    """Return the best of the simple models that suit the task, fitted on training, scored on validation.

    None as long as there are none for a task. The data comes without its test split.
    """
    return None
