"""Fourth step: train the candidate. A training that was killed goes on from its newest checkpoint.

It may cost what is left of the month's budget: the seconds of all attempts are kept in a file, and where they are used
up the training stops and the turn with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from noria.reporter import Reporter
from noria.stages.train import train
from noria.store.disk import write_json
from noria.store.run_folder import read_json
from noria.wheel.turn.collect import JOB
from noria.wheel.turn.context import Turn
from noria.wheel.turn.turns import STOPPED, Done

SECONDS = "seconds.json"
EVERY_S = 1.0  # between two times that the seconds are written down: what a kill may lose of them


class _SpentAll(Exception):
    """The budget is used up."""


class _Clock:
    """The seconds of all attempts of a training; raises _SpentAll where they are more than may be."""

    def __init__(self, path: Path, most: float) -> None:
        self._path, self._most = path, most
        self._before = float(read_json(path)["seconds"]) if path.is_file() else 0.0
        self._began = self._written = time.monotonic()

    @property
    def seconds(self) -> float:
        return self._before + time.monotonic() - self._began

    def write(self) -> None:
        self._written = time.monotonic()
        write_json(self._path, {"seconds": round(self.seconds, 3)})

    def tick(self) -> None:
        if time.monotonic() - self._written >= EVERY_S:
            self.write()
        if self.seconds > self._most:
            raise _SpentAll


class _Metered:
    """A reporter that looks at the clock at every step."""

    def __init__(self, reporter: Reporter, clock: _Clock) -> None:
        self._reporter, self._clock = reporter, clock

    def say(self, text: str) -> None:
        self._clock.tick()
        self._reporter.say(text)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Any]:
        with self._reporter.progress(title, total) as meter:
            yield _MeteredMeter(meter, self._clock)


class _MeteredMeter:
    """A bar that looks at the clock whenever it moves."""

    def __init__(self, meter: Any, clock: _Clock) -> None:
        self._meter, self._clock, self.started = meter, clock, meter.started

    def advance(self, *facts: Any) -> None:
        self._clock.tick()
        self._meter.advance(*facts)


def train_candidate(turn: Turn) -> Done:
    """Train until done, or until the budget is used up, which ends the turn."""
    left = int(turn.results["decide"]["left"])
    clock = _Clock(turn.folder / SECONDS, turn.costs.seconds_of(left))
    money, job = turn.costs.money, read_json(turn.folder / JOB)
    try:
        train(job, run=turn.candidate, resume=True, reporter=_Metered(turn.reporter, clock))
    except _SpentAll:
        clock.write()
        said = f"training was stopped: it would cost more than the {money(left)} that were left of the budget"
        return Done(said, {}, turn.costs.of(clock.seconds), STOPPED)
    clock.write()
    micro = turn.costs.of(clock.seconds)
    forecast = money(int(turn.results["decide"]["price"]))
    said = f"the candidate took {clock.seconds:,.0f} s, {money(micro)}; the forecast was {forecast}"
    return Done(said, {"seconds": clock.seconds}, micro)
