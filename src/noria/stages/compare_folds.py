"""Two cross-validated runs on all records: of each run, the model of a fold answered what it had not seen.

Read next: compare_runs.py, folds.py, pipeline/cross_validation.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import Task, dispatch
from noria.job import Job
from noria.job.load import load_job
from noria.metrics.intervals import differences, verdict
from noria.pipeline.cross_validation import Fold, scored_together
from noria.pipeline.predictor import load
from noria.stages.compare import pairs_of
from noria.stages.folds import folds_of
from noria.stages.prepare import prepare
from noria.store.progress import is_trained
from noria.store.run_folder import read_run_job, read_start
from noria.types import Arrays, Dataset


def compared_over_folds(run: Path, other: Path, job: Job, task: Task) -> tuple[int, dict[str, dict[str, Any]]] | None:
    """Return how many records both runs held out in the same folds, and each score of the first less the second's.

    None where one is not cross-validated, or not in the same folds, or its data or its classes are others.
    """
    stored, other_task = load_job(read_run_job(other))
    other_job = stored.model_copy(update={"data": stored.data.at(job.data)})
    if not job.evaluate.folds or job.evaluate.folds != other_job.evaluate.folds:
        return None
    ours, theirs = [], []
    both = zip(_held_out(run, job, task), _held_out(other, other_job, other_task), strict=True)
    for one, another in both:
        if one is None or another is None:
            return None
        here, there = pairs_of(one[1], another[1])
        if not len(here) == len(one[1]) == len(another[1]):
            return None
        ours.append(one[0].at(here))
        theirs.append(another[0].at(there))
    classes = [dispatch.class_names(of.target, found[0].state) for of, found in ((task, ours), (other_task, theirs))]
    if any(one is not None for one in classes) and len({frozenset(map(str, one or ())) for one in classes}) > 1:
        return None
    metrics, *first = scored_together(task.target, ours, [one.output for one in ours])
    others, *second = scored_together(other_task.target, theirs, [one.output for one in theirs])
    named = {(one.name, one.unit): one for one in others}
    pairs = [(one, named[one.name, one.unit]) for one in metrics if (one.name, one.unit) in named]
    groups = [one.groups for one in ours]
    together = None if any(one is None for one in groups) else np.concatenate([np.asarray(one) for one in groups])
    found = differences(pairs, _two(first), _two(second), job.evaluate.resamples, groups=together)
    for score in found.values():
        score["verdict"] = verdict(score)
    return sum(map(len, ours)), found


def _held_out(run: Path, job: Job, task: Task) -> Iterator[tuple[Fold, Dataset] | None]:
    """Yield the answers of each fold of a run to the records that it held out; None where it cannot give them."""
    for folder, own in folds_of(run, job):
        if not is_trained(folder):
            yield None
            continue
        begun = read_start(folder)
        prepared = prepare(own, task, origin=begun.get("origin"))
        if prepared.fingerprint != begun["fingerprint"]:
            yield None
            continue
        yield Fold.of(load(folder), prepared.splits["test"]), prepared.splits["test"]


def _two(arrays: Sequence[Arrays]) -> tuple[Arrays, Arrays]:
    output, truth = arrays
    return output, truth
