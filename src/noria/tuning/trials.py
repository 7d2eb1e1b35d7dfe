"""The trials of a study, one after another: short trainings scored on validation, hopeless ones ended early.

Knows no task. Read next: search_space.py, study.py, training/loop.py.
"""

from __future__ import annotations

import math
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
from noria.pipeline.inference import pick_device
from noria.pipeline.prepared import Prepared
from noria.reporter import Meter, Reporter
from noria.store.disk import write_json
from noria.training.distributed import Processes
from noria.training.forecast import describe
from noria.training.loop import Training
from noria.training.plan import make_plan
from noria.training.signals import StopSignals
from noria.tuning.search_space import Dimension, setting, with_settings
from noria.tuning.study import Study, reason_of, seconds_of, write_best, write_results
from noria.units import duration

TRIALS = 20  # where the job names neither trials nor minutes
UNJUDGED = 0.3  # share of a trial before which it is not given up: a long warm-up makes a slow beginning
# What one set of values may do to its trial without ending the study: diverge, run out of memory, fit no network.
FAILURES = (UserError, MemoryError, RuntimeError, ValueError)


class Trials:
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
        plan = make_plan(job, task, self.prepared, pick_device(), say)
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

    def advance(
        self, done: int, loss: float | None = None, score: float | None = None, total: int | None = None
    ) -> None:
        self.meter.advance(done, loss, score, total)
        if score is not None:
            self.judge(score)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
