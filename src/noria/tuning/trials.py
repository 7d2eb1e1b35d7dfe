"""The trials of a study, one after another: trainings scored on validation, cheap ones first (rungs.py).

Knows no task. Read next: rungs.py, search_space.py, study.py, training/loop.py.
"""

from __future__ import annotations

import math
import shutil
import statistics
import time
import traceback
from collections.abc import Mapping, Sequence
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
from noria.reporter import Reporter
from noria.store.disk import write_json
from noria.training.distributed import Processes
from noria.training.forecast import describe
from noria.training.loop import Training
from noria.training.plan import make_plan
from noria.training.signals import StopSignals
from noria.tuning.judge import Hopeless, Judge, Watching
from noria.tuning.preparations import Preparations
from noria.tuning.results import write_best, write_results
from noria.tuning.rungs import Limits, Next, Whole, most_seconds, next_trial, shares_of
from noria.tuning.search_space import Dimension, prepared_otherwise, setting, with_settings
from noria.tuning.shortened import planned
from noria.tuning.study import BEGAN, END, Ended, Study, reason_of, share_of
from noria.units import duration

TRIALS = 20  # where the job names neither trials nor minutes
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
            self._say_perfect()
        return list(known)

    def _try(self, trial: Any) -> None:
        settings = self._settings(trial)
        folder, attempt = self._folder(trial.number), _Attempt(share_of(trial), time.perf_counter())
        score, reason, is_pruned = None, "", False
        try:
            score = self._train(trial, settings, folder, attempt)
        except Hopeless as hopeless:
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
        judge = Judge(trial, attempt.share, len(plan.validate_at))
        watching = Watching(self.reporter, f"trial {trial.number}", judge)
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

    def _say_perfect(self) -> None:
        """Say where validation is too easy to show that other settings are better."""
        metric, own = self.study.metric, self.study.own()
        if metric.unit == "fraction" and metric.direction == "higher" and own.value == 1:
            self.reporter.say(
                f"look: the job as it is has {metric.name} 1 on the {self.study.held_out:,} validation records, so "
                "that nothing can be seen to be better; a larger validation (data.split.validation=0.3) or one of "
                "unseen groups (data.split.group=COLUMN) tells more"
            )

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


def _in_words(share: float) -> str:
    return "all" if share == 1 else f"1/{round(1 / share)}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
