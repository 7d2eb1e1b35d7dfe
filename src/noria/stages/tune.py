"""Find better settings: many short trainings, each scored on validation only; hopeless ones end early.

    RUN/job.yaml prepare.json environment.json     what the study began with, its search space included
    RUN/tune.db                                    the study (optuna, SQLite)
    RUN/trials/0007/{job.yaml,plan.json,history.jsonl,times.jsonl}    one training; error.txt where it failed
    RUN/best.yaml trials.csv tune.json tune.html   the result; all but the last are renewed after every trial

The trials get the prepared data without its test split, so nothing here can look at it. What a trial tries depends only
on the trials finished before it: a study that was killed and resumed tries what an undisturbed one would have.
One process works on a study at a time (the lock of the run folder), so a trial found running on opening was killed.
Knows no task. Read next: stages/search_space.py, stages/study.py, training/loop.py.
"""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import statistics
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from noria.contract import Task
from noria.errors import EXIT_DISK_FULL, UserError
from noria.job import Job
from noria.job.load import load_job, load_stored_job
from noria.pipeline.inference import pick_device
from noria.pipeline.prepared import Prepared
from noria.reporter import Meter, Reporter, Terminal
from noria.stages.prepare import prepare
from noria.stages.search_space import Dimension, search_space, setting, with_settings
from noria.stages.study import (
    Study,
    opened_study,
    reason_of,
    require_optuna,
    seconds_of,
    write_best,
    write_report,
    write_results,
)
from noria.store.disk import write_json
from noria.store.run_folder import locked, new_run, read_json, record_start, refuse_changes, start_or_resume
from noria.training.allocator import keep_freed_memory
from noria.training.distributed import Processes
from noria.training.loop import Training
from noria.training.plan import describe, make_plan
from noria.training.signals import StopSignals, watched
from noria.training.validation import chosen_metric
from noria.units import duration

TRIALS = 20  # where the job names neither trials nor minutes
UNJUDGED = 0.3  # share of a trial before which it is not given up: a long warm-up makes a slow beginning
# What one set of values may do to its trial without ending the study: diverge, run out of memory, fit no network.
FAILURES = (UserError, MemoryError, RuntimeError, ValueError)


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
            _Tuning(run, job, task, space, prepared, study, reporter, interruption).run_all()
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


class _Tuning:
    """One tuning: the study, and what every trial shares."""

    def __init__(
        self,
        run: Path,
        job: Job,
        task: Task,
        space: Sequence[Dimension],
        prepared: Prepared,
        study: Study,
        reporter: Reporter,
        interruption: StopSignals,
    ) -> None:
        self.run, self.job, self.space, self.prepared = run, job, space, prepared
        self.study, self.reporter, self.interruption = study, reporter, interruption
        own = [(one, setting(job, task, one.key)) for one in space]
        self.own = {one.key: one.parameter(value) for one, value in own if one.holds(value)}

    def run_all(self) -> None:
        """Try until the budget is used up; raise UserError where no trial has a score."""
        for number in self.study.bury_killed():
            shutil.rmtree(self._folder(number) / "checkpoints", ignore_errors=True)
        if not self.study.trials():
            # The job as it stands goes first, so that the best is never worse than it.
            self.study.enqueue_own(self.own, len(self.own) == len(self.space))
        self._forecast()
        while self._is_time_left():
            self._try_one()
            self._write()
            if self.interruption:
                raise SystemExit(self.interruption.exit_code)
        if not self.study.scored():
            failed = self.study.finished()
            raise UserError(
                f"every trial failed ({len(failed)})",
                where=str(self.run / "trials"),
                found="; ".join(dict.fromkeys(reason_of(trial) for trial in failed[:5])),
                fix="narrow the search with tune.space",
            )

    def _try_one(self) -> None:
        trial = self.study.ask()
        settings = {one.key: one.suggest(trial) for one in self.space}
        folder = self._folder(trial.number)
        started = time.perf_counter()
        score, reason, is_pruned = None, "", False
        try:
            score = self._train(trial, settings, folder)
        except _Hopeless as hopeless:
            reason, is_pruned = str(hopeless), True
        except SystemExit:
            self.study.put_back(trial)
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
            self._write()
            raise
        except FAILURES as error:
            if getattr(error, "exit_code", None) == EXIT_DISK_FULL:
                raise
            reason = error.what if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            (folder / "error.txt").write_text(traceback.format_exc(), "utf-8")
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()  # a trial that ran out of memory leaves all of it to the next
        self.study.tell(trial, score, is_pruned, reason, time.perf_counter() - started)
        self._say(trial.number, settings, score, reason)

    def _folder(self, number: int) -> Path:
        return self.run / "trials" / f"{number:04d}"

    def _train(self, trial: Any, settings: Mapping[str, Any], folder: Path) -> float:
        """Train on these settings; return the best validation score."""
        folder.mkdir(parents=True, exist_ok=True)
        job, task = with_settings(self.job, settings)
        job.save(folder / "job.yaml")
        plan = make_plan(job, task, self.prepared, pick_device())
        write_json(folder / "plan.json", plan.as_json())
        judge = _Judge(trial, len(plan.validate_at))
        watching = _Watching(self.reporter, f"trial {trial.number}", judge)
        training = Training(folder, job, task, self.prepared, plan, Processes(), watching, self.interruption)
        training.run_all()
        best = training.state["best"]
        if best is None or not math.isfinite(best):
            raise UserError("no validation score could be computed")
        return float(best)

    def _write(self) -> None:
        """Renew what a person reads; whoever stops the tuning now has the best so far."""
        write_results(self.run, self.job, self.study)
        best = self.study.best()
        if best is not None:
            settings = {one.key: one.value(best.params[one.key]) for one in self.space}
            write_best(self.run, with_settings(self.job, settings)[0], self.study)

    def _is_time_left(self) -> bool:
        """Return whether another trial, as long as a usual one, still fits into the budget."""
        tune, finished = self.job.tune, self.study.finished()
        limit = tune.trials or (TRIALS if tune.minutes is None else math.inf)
        if len(finished) >= limit:
            return False
        return tune.minutes is None or not finished or self._spent() + self._usual_seconds() <= 60 * tune.minutes

    def _spent(self) -> float:
        return sum(seconds_of(trial) for trial in self.study.finished())

    def _usual_seconds(self) -> float:
        finished = self.study.finished()
        return statistics.median(map(seconds_of, finished)) if finished else 0.0

    def _left(self) -> float:
        """Return a forecast of the seconds that are left."""
        tune, finished = self.job.tune, len(self.study.finished())
        limit = tune.trials or (TRIALS if tune.minutes is None else math.inf)
        by_trials = (limit - finished) * self._usual_seconds() if limit < math.inf else math.inf
        return min(by_trials, math.inf if tune.minutes is None else max(0.0, 60 * tune.minutes - self._spent()))

    def _forecast(self) -> None:
        tune, say = self.job.tune, self.reporter.say
        finished = self.study.finished()
        say(f"tuning {', '.join(one.key for one in self.space)} by {self.study.metric.name} on validation")
        if self._usual_seconds():
            say(f"going on after {len(finished)} trials, about {duration(self._left())} left")
            return
        job, task = with_settings(self.job, {})
        plan = make_plan(job, task, self.prepared, pick_device())
        describe(self.reporter, self.prepared, plan)
        limit = tune.trials or (TRIALS if tune.minutes is None else None)
        whole = min(60 * tune.minutes if tune.minutes else math.inf, limit * plan.seconds if limit else math.inf)
        count = f"{limit} trials" if limit else "as many trials as fit"
        say(f"that is one trial; {count}: about {duration(whole)}, less where hopeless ones end early")

    def _say(self, number: int, settings: Mapping[str, Any], score: float | None, reason: str) -> None:
        best = self.study.best()
        result = reason if score is None else f"{self.study.metric.name} {score:.4f}"
        of_best = f"best {best.value:.4f} (trial {best.number}), " if best is not None else ""
        values = ", ".join(f"{key} {_short(value)}" for key, value in settings.items())
        self.reporter.say(f"trial {number}: {result}; {of_best}about {duration(self._left())} left; {values}")


class _Hopeless(Exception):
    """A trial that does worse than the median of those before it at the same share of the training."""


class _Judge:
    """Tell the study of every validation score; end the trial where the study gives it up."""

    def __init__(self, trial: Any, validations: int) -> None:
        self.trial, self.validations, self.seen = trial, validations, 0

    def __call__(self, score: float) -> None:
        self.seen += 1
        if not math.isfinite(score):
            return
        # By the number of the validation, not of the step: trials differ in steps, not in validations.
        self.trial.report(score, self.seen)
        if UNJUDGED * self.validations <= self.seen < self.validations and self.trial.should_prune():
            raise _Hopeless(f"stopped early, at {score:.4f} after {self.seen} of {self.validations} validations")


class _Watching:
    """A reporter that passes a training's progress on and hands every validation score to a judge."""

    def __init__(self, reporter: Reporter, title: str, judge: Callable[[float], None]) -> None:
        self.reporter, self.title, self.judge = reporter, title, judge

    def say(self, text: str) -> None:
        self.reporter.say(f"{self.title}: {text}")

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[_WatchingMeter]:
        with self.reporter.progress(self.title, total) as meter:
            yield _WatchingMeter(meter, self.judge)


class _WatchingMeter:
    def __init__(self, meter: Meter, judge: Callable[[float], None]) -> None:
        self.started, self.meter, self.judge = meter.started, meter, judge

    def advance(self, done: int, loss: float | None = None, score: float | None = None) -> None:
        self.meter.advance(done, loss, score)
        if score is not None:
            self.judge(score)


def _folder(run: Path | None, source: str | Path | Mapping[str, Any], resume: bool) -> Path:
    """Return the run folder asked for, a new runs/tune-NAME, or on resuming the newest of those there are."""
    name = Path(str(source)).stem if not isinstance(source, Mapping) else str(source.get("task", "run"))
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


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
