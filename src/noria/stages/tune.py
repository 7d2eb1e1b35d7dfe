"""Find better settings: many short trainings, each scored on validation only, the best of them trained whole.

    RUN/job.yaml prepare.json environment.json     what the study began with, its search space included
    RUN/tune.db                                    the study (optuna, SQLite)
    RUN/trials/0007/{job.yaml,plan.json,history.jsonl,times.jsonl}    one training; error.txt where it failed
    RUN/best.yaml trials.csv tune.json tune.html   the result; all but the last are renewed after every trial

The trials get the prepared data without its test split, so nothing here can look at it. What a trial tries depends only
on the trials finished before it: a study that was killed and resumed tries what an undisturbed one would have.
One process works on a study at a time (the lock of the run folder), so a trial found running on opening was killed.
Knows no task. Read next: tuning/search_space.py, tuning/study.py, training/loop.py.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from noria.contract import Task
from noria.errors import UserError
from noria.job import Job
from noria.job.in_memory import JobLike
from noria.job.load import asked_again, load_job
from noria.pipeline.inference import pick_device
from noria.pipeline.predictor import with_running_parts
from noria.pipeline.prepared import Prepared
from noria.reporter import Reporter, Terminal
from noria.stages.booked import booked
from noria.stages.prepare import prepare
from noria.store.progress import what_is_saved
from noria.store.run_folder import (
    has_begun,
    locked,
    name_of,
    new_run,
    read_run_job,
    read_start,
    record_start,
    refuse_changes,
    start_or_resume,
)
from noria.training.allocator import keep_freed_memory
from noria.training.signals import StopSignals, watched
from noria.training.validation import chosen_metric
from noria.tuning.narrowing import narrowed
from noria.tuning.preparations import Preparations
from noria.tuning.results import write_report
from noria.tuning.rival import rival_score
from noria.tuning.search_space import Dimension, search_space, setting
from noria.tuning.study import opened_study, require_optuna
from noria.tuning.trials import Trials


def tune(
    source: JobLike,
    overrides: Sequence[str] = (),
    run: Path | None = None,
    resume: bool = False,
    minutes: float | None = None,
    trials: int | None = None,
    reporter: Reporter | None = None,
) -> Path:
    """Search for better settings of a job; return the run folder, whose best.yaml is the job to train.

    A setting given in `overrides` is kept and not tried. Raises UserError for anything a user can mend, also where
    every trial failed. Leaves by SystemExit (143, 130 or 129) on SIGTERM, SIGINT and SIGHUP.

    resume: go on with the study that the folder holds; begin one where it holds none.
    """
    require_optuna()
    reporter = reporter or Terminal()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("tuning runs in one process", fix="start it without torchrun")
    run = new_run(run, f"tune-{name_of(source)}", resume)
    keep_freed_memory()
    with watched() as interruption, locked(run), _told_when_stopped(run, interruption, reporter), booked(run, "tune"):
        budget = [f"tune.{name}={value}" for name, value in (("minutes", minutes), ("trials", trials)) if value]
        is_begun = has_begun(run)
        given = start_or_resume(run, source, resume, "tune")
        if is_begun:
            given, overrides = asked_again(given, source, overrides)
        job, task, space = _begin(given, [*overrides, *budget], {one.partition("=")[0] for one in overrides})
        if is_begun:
            began, _ = load_job(read_run_job(run))
            budget_then = {"trials": began.tune.trials, "minutes": began.tune.minutes}  # the one thing that may change
            refuse_changes(began, job.model_copy(update={"tune": job.tune.model_copy(update=budget_then)}))
        prepared = without_test(prepare(job, task, reporter.say))
        running = _running(prepared, task)
        if is_begun:
            _check_data(run, prepared)
        else:
            space = narrowed(space, load_job(given, overrides)[0].tune.space, job, task, running)
            job = _with_space(job, space)
            record_start(run, job, prepared.record(), prepared.report["quarantine"])
        if job.evaluate.folds is not None:
            reporter.say(
                "look: trials are scored on the one validation split, and evaluate.folds is for the training of the "
                "best: its folds hold out records that chose its settings, too"
            )
        metric = chosen_metric(job, task, prepared)
        with opened_study(run / "tune.db", metric, job.train.seed, len(prepared.splits["validation"])) as study:
            study.tell_once("rival", study.rival or rival_score(running, task, metric))
            preparations = Preparations(running, lambda job, task: _running(prepare(job, task, reporter.say), task))
            Trials(run, job, task, space, preparations, study, reporter, interruption).run_all()
            write_report(run, {one.key: one.parameter(setting(job, task, one.key)) for one in space}, study)
    return run


def without_test(prepared: Prepared) -> Prepared:
    """Return the prepared data without its test split; raise UserError where nothing is left to score on."""
    splits = {split: dataset for split, dataset in prepared.splits.items() if split != "test"}
    if not len(splits.get("validation", ())):
        raise UserError(
            "tuning scores on the validation split, and this data has none",
            where=prepared.report["source"],
            fix="set some of the training records aside: data.split.validation=0.1",
        )
    return dataclasses.replace(prepared, splits=splits)


@contextmanager
def _told_when_stopped(run: Path, interruption: StopSignals, reporter: Reporter) -> Iterator[None]:
    try:
        yield
    except SystemExit:
        if interruption:
            reporter.say(what_is_saved(run, "tune"))
        raise


def _begin(source: JobLike, overrides: Sequence[str], pinned: set[str]) -> tuple[Job, Task, list[Dimension]]:
    """Read and check a job; its `tune.space` is then all that is tried, so that resuming it tries the same."""
    job, task = load_job(source, overrides)
    if job.train.validations == 0:
        raise UserError("train.validations=0 leaves nothing to compare trials by", fix="leave it at 10")
    space = search_space(job, task, pinned)
    return _with_space(job, space), task, space


def _with_space(job: Job, space: Sequence[Dimension]) -> Job:
    """Return the job with what is tried, whole."""
    whole = {"defaults": False, "space": {one.key: one.range for one in space}}
    return job.model_copy(update={"tune": job.tune.model_copy(update=whole)})


def _running(prepared: Prepared, task: Task) -> Prepared:
    """Return prepared data that trials can run with: without its test split, with the parts of its target."""
    return with_running_parts(without_test(prepared), task, str(pick_device()))


def _check_data(run: Path, prepared: Prepared) -> None:
    if read_start(run)["fingerprint"] != prepared.fingerprint:
        raise UserError(
            "the data is not what this tuning began with",
            where=prepared.report["source"],
            fix="bring the old data back, or start a new tuning",
        )
