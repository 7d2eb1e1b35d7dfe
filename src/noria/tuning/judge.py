"""Who watches a trial: every validation score goes to the study, and a hopeless trial ends early.

Knows no task. Read next: trials.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from noria.reporter import Meter, Reporter

UNJUDGED = 0.3  # share of a trial before which it is not given up: a long warm-up makes a slow beginning
FIRST_OF_WHOLE = 10**7  # what its validations are counted from, far from those of cheap trials


class Hopeless(Exception):
    """A trial that does worse than the median of those before it at the same share of the training."""


class Judge:
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
            raise Hopeless(f"stopped early, at {score:.4f} after {self.seen} of {self.validations} validations")


class Watching:
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
