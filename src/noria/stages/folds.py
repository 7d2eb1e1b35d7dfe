"""Cross-validation: the same job trained once more for each fold, in RUN/folds/K, an ordinary run that can be resumed.

Every fold is prepared anew, so that nothing is learnt from what it holds out. Knows no task. Read next: train.py,
preparation/division.py, pipeline/cross_validation.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from noria.contract import Task
from noria.errors import UserError
from noria.job import Job
from noria.pipeline.cross_validation import Fold, cross_validation, groups_of, scored_together
from noria.pipeline.predictor import load
from noria.pipeline.prepared import Prepared
from noria.preparation.data_checks import of_split
from noria.reporter import Meter, Reporter
from noria.stages.prepare import prepare
from noria.store.progress import is_trained
from noria.store.run_folder import read_start
from noria.training.distributed import Processes
from noria.training.rivals.beside import Scored, compared, rivals_of, worse_than_rival


def folds_of(run: Path, job: Job) -> list[tuple[Path, Job]]:
    """Return the folder and the job of each fold; none where the job is not cross-validated."""
    count = job.evaluate.folds or 0
    evaluate = job.evaluate.model_copy(update={"folds": None, "compare_to": None})
    found = []
    for fold in range(1, count + 1):
        data = job.data.model_copy(update={"split": job.data.split.model_copy(update={"fold": f"{fold}/{count}"})})
        train = job.train.model_copy(update={"report_to": []})
        own = job.model_copy(update={"data": data, "evaluate": evaluate, "train": train})
        found.append((run / "folds" / str(fold), own))
    return found


def check_folds(
    folds: Sequence[tuple[Path, Job]], task: Task, prepared: Prepared, world: Processes, tell: Callable[[str], None]
) -> None:
    """Prepare every fold; raise UserError where folds are asked for and cannot be: now, and not after the training."""
    if not folds:
        return
    if world.size > 1:
        raise UserError("cross-validation runs in one process", fix="start it without torchrun")
    if prepared.splits["train"].window is not None:
        raise UserError(
            "running text is not cross-validated: its windows go on from one another",
            where=prepared.report["source"],
            fix="leave evaluate.folds out",
        )
    tell(f"preparing {len(folds)} folds")
    for _, own in folds:
        prepare(own, task, origin=prepared.origin)


def cross_validated(run: Path, job: Job, task: Task, seconds: float | None = None) -> dict[str, Any]:
    """Score all folds of a run together; return what metrics.json holds of it. `seconds`: what one fold took."""
    folds, records, leaks, looks = [], 0, [], list[str]()
    rivals = list[dict[str, Scored]]()
    for folder, own in folds_of(run, job):
        if not is_trained(folder):
            raise UserError(
                "the model of a fold is not there any more",
                where=str(folder),
                fix="bring it back from a copy, or read the scores of its training in metrics.json",
            )
        prepared = prepare(own, task, origin=read_start(folder).get("origin"))
        folds.append(Fold.of(load(folder), prepared.splits["test"]))
        if job.evaluate.rivals:
            rivals.append(rivals_of(task, prepared.states, prepared.splits, prepared.splits["test"]))
        records = max(records, sum(map(len, prepared.splits.values())))
        leaks = prepared.report.get("leaks", [])
        if not looks:  # of the other folds it is much the same
            warnings = of_split(prepared.report["warnings"], "test")
            looks = [f"where fold {len(folds)} is test: {one}" for one in warnings]
    scored = cross_validation(task.target, folds, job.evaluate.resamples, records, leaks)
    found = _beside(task, folds, rivals, seconds, job.evaluate.resamples) if rivals else None
    return {**scored, "rivals": found, "remarks": [*scored["remarks"], *worse_than_rival(found), *looks]}


def _beside(
    task: Task, folds: Sequence[Fold], rivals: Sequence[Mapping[str, Scored]], seconds: float | None, resamples: int
) -> dict[str, Any] | None:
    """Return what simple models that learnt on the same folds reach on all records together."""
    groups = groups_of(folds)
    model = Scored(*scored_together(task.target, folds, [one.output for one in folds]), seconds)
    pooled = {}
    for name in [name for name in rivals[0] if all(name in one for one in rivals)]:
        ones = [one[name] for one in rivals]
        together = scored_together(task.target, folds, [one.output for one in ones])
        pooled[name] = Scored(
            *together, _mean([one.seconds for one in ones]), min(one.records for one in ones), ones[0].setting
        )
    return compared(model, pooled, resamples, groups)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


class Titled:
    """A reporter that names the fold, or what else is trained beside a run, with what a training says and shows."""

    def __init__(self, reporter: Reporter, title: str) -> None:
        self.reporter, self.title = reporter, title

    def say(self, text: str) -> None:
        self.reporter.say(f"{self.title}: {text}")

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Meter]:
        with self.reporter.progress(self.title, total) as meter:
            yield meter
