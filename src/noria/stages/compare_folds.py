"""Two cross-validated runs on all records: of each run, the model of a fold answered what it had not seen.

Read next: compare_runs.py, folds.py, pipeline/cross_validation.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noria.contract import Task, dispatch
from noria.errors import EXIT_USER_ERROR, UserError
from noria.job import Job
from noria.job.load import load_job
from noria.metrics.intervals import differences, verdict
from noria.pipeline.cross_validation import Fold, groups_of, scored_together
from noria.pipeline.predictor import load
from noria.stages.folds import folds_of
from noria.stages.prepare import prepare
from noria.store.progress import is_trained
from noria.store.run_folder import read_run_job, read_start


def compared_over_folds(run: Path, other: Path, job: Job, task: Task) -> tuple[int, dict[str, dict[str, Any]]] | None:
    """Return how many records both runs held out in the same folds, and each score of the first less the second's.

    None where one is not cross-validated, or not in the same folds, or its data or its classes are others.
    """
    stored, other_task = load_job(read_run_job(other))
    other_job = stored.model_copy(update={"data": stored.data.at(job.data)})
    if not job.evaluate.folds or job.evaluate.folds != other_job.evaluate.folds:
        return None
    ours, theirs = _held_out(run, job, task), _held_out(other, other_job, other_task)
    if ours is None or theirs is None or ours.places != theirs.places:
        return None
    classes = [_classes(one, of) for one, of in ((task, ours), (other_task, theirs))]
    if classes[0] != classes[1]:
        return None
    here = scored_together(task.target, ours.folds, [one.output for one in ours.folds])
    there = scored_together(other_task.target, theirs.folds, [one.output for one in theirs.folds])
    named = {(one.name, one.unit): one for one in there[0]}
    pairs = [(one, named[one.name, one.unit]) for one in here[0] if (one.name, one.unit) in named]
    found = differences(pairs, here[1:], there[1:], job.evaluate.resamples, groups=groups_of(ours.folds))
    for score in found.values():
        score["verdict"] = verdict(score)
    return sum(map(len, ours.folds)), found


@dataclass(frozen=True)
class _HeldOut:
    """The answers of each fold's model to the records that it had not seen, and where these stand."""

    folds: list[Fold]
    places: list[list[str]]


def _held_out(run: Path, job: Job, task: Task) -> _HeldOut | None:
    """Return what the folds of a run answered; None where a model is gone, or the data is not what it was."""
    found = _HeldOut([], [])
    for folder, own in folds_of(run, job):
        if not is_trained(folder):
            return None
        begun = read_start(folder)
        try:
            prepared = prepare(own, task, origin=begun.get("origin"))
        except UserError as error:
            if error.exit_code != EXIT_USER_ERROR:  # a full disk says nothing of the data
                raise
            return None
        if prepared.fingerprint != begun["fingerprint"]:
            return None
        test = prepared.splits["test"]
        found.folds.append(Fold.of(load(folder), test))
        found.places.append(list(test.wheres()))
    return found


def _classes(task: Task, held_out: _HeldOut) -> set[str] | None:
    """Return the names of the classes among which a run chooses; None where it does not."""
    found = dispatch.class_names(task.target, held_out.folds[0].state)
    return None if found is None else set(map(str, found))
