"""The trials of a study, one after another: trainings scored on validation, cheap ones first (rungs.py).

Knows no task. Read next: rungs.py, search_space.py, study.py, training/loop.py.
"""

from __future__ import annotations

import math
import shutil
import statistics
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from noria.contract import Task
from noria.errors import EXIT_DISK_FULL, UserError
from noria.job import Job
from noria.metrics.intervals import measure
from noria.model.weights import load_weights
from noria.pipeline.inference import outputs, pick_device
from noria.pipeline.prepared import Prepared
from noria.reporter import Meter, Reporter
from noria.store.disk import write_json
from noria.training.distributed import Processes
from noria.training.forecast import describe
from noria.training.loop import Training
from noria.training.plan import Plan, make_plan
from noria.training.signals import StopSignals
from noria.tuning.preparations import Preparations, part_of
from noria.tuning.results import write_best, write_results
from noria.tuning.rungs import Limits, Next, Whole, most_seconds, next_trial, shares_of
from noria.tuning.search_space import Dimension, prepared_otherwise, setting, with_settings
from noria.tuning.study import BEGAN, END, Ended, Study, reason_of, share_of
from noria.units import duration

TRIALS = 20  # where the job names neither trials nor minutes
UNJUDGED = 0.3  # share of a trial before which it is not given up: a long warm-up makes a slow beginning
FIRST_OF_WHOLE = 10**7  # what its validations are counted from, far from those of cheap trials
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
        preparations: Preparations,
        study: Study,
        reporter: Reporter,
        interruption: StopSignals,
    ) -> None:
        self.run, self.job, self.task, self.space, self.preparations = run, job, task, space, preparations
        self.study, self.reporter, self.interruption = study, reporter, interruption
        self.own = {one.key: one.parameter(value) for one in space if one.holds(value := setting(job, task, one.key))}
        tune = job.tune
        trials = TRIALS if tune.trials is None and tune.minutes is None else tune.trials
        self.limits = Limits(trials, None if tune.minutes is None else 60 * tune.minutes)

    def run_all(self) -> None:
        """Try until the budget is used up; raise UserError where no whole training has a score."""
        for number in self.study.bury_killed():
            shutil.rmtree(self._folder(number) / "checkpoints", ignore_errors=True)
        self._forecast()
        while (trial := self._next()) is not None:
            self._try(trial)
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

    def _next(self) -> Any:
        """Begin the next trial, the job's own first, so that the best is never worse; None at the end."""
        if self.study.own() is None:
            return self.study.begin_own(self.space, self.own)
        following = self._following()
        if following is None:
            return None
        trial = self.study.begin(self.space, following, self.own)
        if trial is None:
            self.reporter.say("every combination of these settings was tried")
            self.limits = replace(self.limits, is_exhausted=True)
            return self._next()
        return trial

    def _following(self) -> Next | None:
        return next_trial(self.study.done(), self._shares(), self.limits, self._whole())

    def _whole(self) -> Whole:
        ended = self.study.own().user_attrs.get(END, {"steps": 0})  # one that was killed twice has not come so far
        return Whole(ended["steps"], self.study.done()[0].again_s)

    def _shares(self) -> list[float]:
        """Return what trials get of a whole training, as it was decided once."""
        known = self.study.tell_once("shares")
        if known is None:
            known = self.study.tell_once("shares", shares_of(self._whole(), self.limits))
            self._say_rungs(known)
        return list(known)

    def _try(self, trial: Any) -> None:
        settings = self._settings(trial)
        folder, attempt = self._folder(trial.number), _Attempt(share_of(trial), time.perf_counter())
        score, reason, is_pruned = None, "", False
        try:
            score = self._train(trial, settings, folder, attempt)
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
        self.study.end(trial, score, is_pruned, attempt.ended(reason))
        self._say(trial, settings, score, reason)

    def _settings(self, trial: Any) -> dict[str, Any]:
        """Return what a trial sets; nothing in that of the job as it is, whatever the space holds."""
        if trial.user_attrs[BEGAN]["is_own"]:
            return {}
        return {one.key: one.value(trial.params[one.key]) for one in self.space}

    def _folder(self, number: int) -> Path:
        return self.run / "trials" / f"{number:04d}"

    def _train(self, trial: Any, settings: Mapping[str, Any], folder: Path, attempt: _Attempt) -> float:
        """Train on these settings; return the best validation score."""
        folder.mkdir(parents=True, exist_ok=True)
        job, task = with_settings(self.job, settings)
        changes = prepared_otherwise(self.job, self.task, settings)
        prepared = self.preparations.of(job, task, changes)
        attempt.prepared_s = time.perf_counter() - attempt.started
        job, prepared, plan = planned(job, task, prepared, attempt.share)
        attempt.steps = plan.steps
        job.save(folder / "job.yaml")
        write_json(folder / "plan.json", plan.as_json())
        if settings:
            self._refuse_too_long(plan.seconds / attempt.share)
        judge = _Judge(trial, attempt.share, len(plan.validate_at))
        watching = _Watching(self.reporter, f"trial {trial.number}", judge)
        training = Training(folder, job, task, prepared, plan, Processes(), watching, self.interruption)
        training.run_all()
        best = training.state["best"]
        if best is None or not math.isfinite(best):
            raise UserError("no validation score could be computed")
        if attempt.share == 1:
            attempt.interval = _interval(training)
        return float(best)

    def _refuse_too_long(self, seconds: float) -> None:
        most = most_seconds(self._whole(), self._shares(), self.limits)
        if seconds > most:
            raise UserError(f"a whole training would take {duration(seconds)}; there is time for {duration(most)} each")

    def _write(self) -> None:
        """Renew what a person reads; whoever stops the tuning now has the best so far."""
        write_results(self.run, self.job, self.study)
        best = self.study.best()
        if best is not None:
            write_best(self.run, with_settings(self.job, self._settings(best))[0], self.study)

    def _left(self) -> float:
        """Return a forecast of the seconds that are left."""
        done, limits = self.study.done(), self.limits
        spent = sum(one.seconds for one in done)
        by_trials = math.inf
        if limits.trials is not None:
            usual = statistics.median(one.again_s for one in done[1:] or done)
            by_trials = max(0, limits.trials - len(done)) * usual
        return min(by_trials, math.inf if limits.seconds is None else max(0.0, limits.seconds - spent))

    def _forecast(self) -> None:
        say, done = self.reporter.say, self.study.done()
        say(f"tuning {', '.join(one.key for one in self.space)} by {self.study.metric.name} on validation")
        if rival := self.study.rival:
            say(f"the rival, {rival.name}: {self.study.metric.name} {rival.score:.4f} in {duration(rival.seconds)}")
        if done:
            say(f"going on after {len(done)} trials, about {duration(self._left())} left")
            return
        job, task = with_settings(self.job, {})
        prepared = self.preparations.of(job, task, {})
        plan = make_plan(job, task, prepared, pick_device(), say)
        describe(self.reporter, prepared, plan)
        say("that is the job's own training, the first trial")
        if self.limits.seconds is not None and plan.seconds > self.limits.seconds / 2:
            limit, needed = duration(self.limits.seconds), math.ceil(plan.seconds / 10)
            say(f"look: it takes most of {limit}; with tune.minutes={needed} there is time for others as long")

    def _say_rungs(self, shares: Sequence[float]) -> None:
        if len(shares) > 1:
            steps = " and then ".join(_in_words(share) for share in shares[1:])
            cheap = f"new settings train for {_in_words(shares[0])} of a whole training"
            self.reporter.say(f"{cheap}, the best third of them for {steps}")

    def _say(self, trial: Any, settings: Mapping[str, Any], score: float | None, reason: str) -> None:
        best, share = self.study.best(), share_of(trial)
        result = reason if score is None else f"{self.study.metric.name} {score:.4f}"
        length = "" if share == 1 or score is None else f" after {_in_words(share)} of a training"
        of_best = f"best {best.value:.4f} (trial {best.number}), " if best is not None else ""
        values = ", ".join(f"{key} {_short(value)}" for key, value in settings.items()) or "the job as it is"
        left = duration(self._left())
        self.reporter.say(f"trial {trial.number}: {result}{length}; {of_best}about {left} left; {values}")


@dataclass
class _Attempt:
    """What is told of a trial when it ends, however it does."""

    share: float
    started: float
    prepared_s: float = 0.0
    steps: int = 0
    interval: tuple[float, float] | None = None

    def ended(self, reason: str) -> Ended:
        seconds = time.perf_counter() - self.started
        return Ended(reason, seconds, self.prepared_s, self.steps, self.interval)


def planned(job: Job, task: Task, prepared: Prepared, share: float) -> tuple[Job, Prepared, Plan]:
    """Return a job, its data and its plan, cut to a share of the whole training.

    Of many records, both the passes over them and the records are fewer, each by the root of the share.
    """
    train, device = job.train, pick_device()
    if share == 1:
        return job, prepared, make_plan(job, task, prepared, device)
    validations = max(1, math.ceil(share * train.validations))
    minutes = None if train.minutes is None else share * train.minutes
    job = _trained(job, validations=validations, patience=None, minutes=minutes)
    plan = make_plan(job, task, prepared, device)
    if minutes is None:
        plan = plan.cut_to(max(1, round(share * plan.steps)), validations)
        job = _trained(job, steps=plan.steps, epochs=None, tokens=None)
    # Of a part of the records a batch is as large as of all of them.
    job = _trained(job, batch_size=plan.records_per_step // train.accumulate)
    return job, part_of(prepared, share**0.5), plan


def _trained(job: Job, **settings: Any) -> Job:
    return job.model_copy(update={"train": job.train.model_copy(update=settings)})


def _interval(training: Training) -> tuple[float, float] | None:
    """Return the 95 % interval of the best score on validation; None where it cannot be told."""
    assert training.held_out is not None
    held_out, job = training.held_out, training.job
    load_weights(training.model, training.best)
    target, state = training.task.target, training.target_state
    size = job.evaluate.batch_size
    given = outputs(training.model, target, state, held_out, size, training.device, is_quick=True)
    truth = {name: values[:] for name, values in held_out.target.items()}
    found = measure([training.metric], given, truth, job.evaluate.resamples, groups=held_out.groups)
    one = found[training.metric.name]
    return None if one["low"] is None else (one["low"], one["high"])


class _Hopeless(Exception):
    """A trial that does worse than the median of those before it at the same share of the training."""


class _Judge:
    """Tell the study of every validation score; end the trial where the study gives it up."""

    def __init__(self, trial: Any, share: float, validations: int) -> None:
        self.trial, self.validations, self.seen = trial, validations, 0
        self.first = round(FIRST_OF_WHOLE * share)  # trainings of unequal length are not held against one another

    def __call__(self, score: float) -> None:
        self.seen += 1
        if not math.isfinite(score):
            return
        # By the number of the validation, not of the step: trials differ in steps, not in validations.
        self.trial.report(score, self.first + self.seen)
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


def _in_words(share: float) -> str:
    return "all" if share == 1 else f"1/{round(1 / share)}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
