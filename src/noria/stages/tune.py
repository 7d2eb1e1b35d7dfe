"""Find better settings: many short trainings, each scored on validation only; hopeless ones end early.

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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from noria.contract import Task
from noria.errors import UserError
from noria.job import Job
from noria.job.load import load_job, load_stored_job
from noria.pipeline.inference import pick_device
from noria.pipeline.predictor import with_running_parts
from noria.pipeline.prepared import Prepared
from noria.reporter import Reporter, Terminal
from noria.stages.prepare import prepare
from noria.store.run_folder import locked, name_of, new_run, read_json, record_start, refuse_changes, start_or_resume
from noria.training.allocator import keep_freed_memory
from noria.training.signals import watched
from noria.training.validation import chosen_metric
from noria.tuning.search_space import Dimension, search_space
from noria.tuning.study import opened_study, require_optuna, write_report
from noria.tuning.trials import Trials


def tune(
    source: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    run: Path | None = None,
    resume: bool = False,
    minutes: float | None = None,
    trials: int | None = None,
    reporter: Reporter | None = None,
) -> Path:
    """Search for better settings of a job; return the run folder, whose best.yaml is the job to train.

    A setting given in `overrides` is kept and not tried. Raises UserError for anything a user can mend, also where
    every trial failed. Leaves by SystemExit (143 or 130) on SIGTERM and SIGINT.
    """
    require_optuna()
    reporter = reporter or Terminal()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("tuning runs in one process", fix="start it without torchrun")
    run = _folder(run, source, resume)
    keep_freed_memory()
    with watched() as interruption, locked(run):
        budget = [f"tune.{name}={value}" for name, value in (("minutes", minutes), ("trials", trials)) if value]
        given = start_or_resume(run, source, resume)
        job, task, space = _begin(given, [*overrides, *budget], {one.partition("=")[0] for one in overrides})
        if resume:
            began, _ = load_stored_job(run / "job.yaml")
            budget_then = {"trials": began.tune.trials, "minutes": began.tune.minutes}  # the one thing that may change
            refuse_changes(began, job.model_copy(update={"tune": job.tune.model_copy(update=budget_then)}))
        prepared = without_test(prepare(job, task, reporter.say))
        if resume:
            _check_data(run, prepared)
        else:
            record_start(run, job, prepared.record(), prepared.report["quarantine"])
        metric = chosen_metric(job, task, prepared)
        with opened_study(run / "tune.db", metric, job.train.seed, len(prepared.splits["validation"])) as study:
            running = with_running_parts(prepared, task, str(pick_device()))
            Trials(run, job, task, space, running, study, reporter, interruption).run_all()
            write_report(run, study)
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


def _folder(run: Path | None, source: str | Path | Mapping[str, Any], resume: bool) -> Path:
    """Return the run folder asked for, a new runs/tune-NAME, or on resuming the newest of those there are."""
    name = name_of(source)
    if not resume or run is not None:
        return new_run(run, f"tune-{name}")
    following = new_run(None, f"tune-{name}")
    number = following.name.removeprefix(f"tune-{name}").removeprefix("-")
    if not number:
        raise UserError("there is no tuning to resume", where=str(following), fix="start it without --resume")
    return following.with_name(f"tune-{name}" if number == "2" else f"tune-{name}-{int(number) - 1}")


def _begin(
    source: str | Path | Mapping[str, Any], overrides: Sequence[str], pinned: set[str]
) -> tuple[Job, Task, list[Dimension]]:
    """Read and check a job; its `tune.space` is then all that is tried, so that resuming it tries the same."""
    job, task = load_job(source, overrides)
    if job.train.validations == 0:
        raise UserError("train.validations=0 leaves nothing to compare trials by", fix="leave it at 10")
    space = search_space(job, task, pinned)
    whole = {"defaults": False, "space": {one.key: one.range for one in space}}
    return job.model_copy(update={"tune": job.tune.model_copy(update=whole)}), task, space


def _check_data(run: Path, prepared: Prepared) -> None:
    if read_json(run / "prepare.json")["fingerprint"] != prepared.fingerprint:
        raise UserError(
            "the data is not what this tuning began with",
            where=prepared.report["source"],
            fix="bring the old data back, or start a new tuning",
        )
