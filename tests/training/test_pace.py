"""A budget in minutes is kept whatever else the machine does; the clock here is one of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from noria.reporter import Silent
from noria.stages.train import train
from noria.training import pace as module
from noria.training.loop import Training
from noria.training.pace import Pace
from noria.training.step import schedule
from tiny_data import tiny_job

WARMUP = 0.2


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "monotonic", made)
    return made


def run_through(
    pace: Pace, clock: Clock, cost: Callable[[float], float], start: int = 0, end: float = 1e9
) -> list[tuple[int, float, int]]:
    """Take steps that cost what the present second says; return step, position and steps in all of each."""
    began, seen, step = clock.now, [], start
    while step < min(pace.steps, end):
        clock.now += cost(clock.now - began)
        step += 1
        if pace.is_report_due(step, 5):
            pace.change(step, pace.measured(step))
        seen.append((step, pace.position(step), pace.steps))
    return seen


@pytest.mark.parametrize(
    ("name", "cost"),
    [
        ("as planned", lambda second: 0.1),
        ("ten times as slow", lambda second: 1.0),
        ("four times as fast", lambda second: 0.025),
        ("slow from the middle on", lambda second: 0.1 if second < 50 else 0.6),
        ("slow in the middle", lambda second: 0.5 if 30 < second < 60 else 0.1),
        ("slow at first", lambda second: 3.0 if second < 21 else 0.1),
        ("now and then", lambda second: 0.4 if int(second) % 7 == 0 else 0.1),
    ],
)
def test_a_training_ends_within_a_tenth_of_its_budget(name: str, cost: Callable[[float], float], clock: Clock) -> None:
    pace = Pace(1000, 100.0, 0.1, [])
    began = clock.now
    seen = run_through(pace, clock, cost)
    assert 90 <= clock.now - began <= 110
    positions = [position for _, position, _ in seen]
    assert positions == sorted(positions)
    assert positions[-1] == 1000.0
    rates = [schedule(position, 1000, WARMUP) for position in positions]
    assert rates[-1] == 0.0
    moved = [abs(after - before) for before, after in pairwise(rates)]
    longest = max(after - before for before, after in pairwise(positions))
    assert max(moved) <= 1.01 * longest / (WARMUP * 1000)  # no jumps: the rate moves as far as the position does


def test_without_a_budget_in_minutes_a_plan_stays(clock: Clock) -> None:
    pace = Pace(100, None, 0.1, [50, 100])
    seen = run_through(pace, clock, lambda second: 9.0)
    assert [(step, position) for step, position, _ in seen] == [(step, float(step)) for step in range(1, 101)]
    assert [step for step in range(1, 101) if pace.passes(step, [50, 100])] == [50, 100]


def test_validations_are_kept_in_the_budget_and_each_takes_place(clock: Clock) -> None:
    marks = [100 * one for one in range(1, 11)]
    pace = Pace(1000, 150.0, 0.1, marks)
    began, step, validated = clock.now, 0, 0
    while step < pace.steps:
        clock.now += 0.2
        step += 1
        if pace.passes(step, marks):
            clock.now += 5.0
            pace.add_validation(5.0)
            validated += 1
        if pace.is_report_due(step, 5):
            pace.change(step, pace.measured(step))
    assert validated == 10
    assert 135 <= clock.now - began <= 165


def test_a_pace_taken_from_a_checkpoint_goes_on_as_an_undisturbed_one(clock: Clock) -> None:
    def cost(second: float) -> float:
        return 0.3

    whole = run_through(Pace(1000, 100.0, 0.1, []), clock, cost)
    first = Pace(1000, 100.0, 0.1, [])
    run_through(first, clock, cost, end=77)
    state = json.loads(json.dumps(first.saved()))
    clock.now += 3600  # it is killed, and resumed an hour later
    second = Pace(1000, 100.0, 0.1, [])
    second.resume(state)
    assert run_through(second, clock, cost, start=77) == whole[77:]


def slowed(monkeypatch: pytest.MonkeyPatch, clock: Clock, seconds: Callable[[int], float], stop_at: int = 0) -> None:
    plain = Training._update

    def update(self: Training, step: int) -> float:
        if step == stop_at > 0:
            raise KeyboardInterrupt
        clock.now += seconds(step)
        return plain(self, step)

    monkeypatch.setattr(Training, "_update", update)


def plan_of_100_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the plan believe that a step takes a tenth of a second."""
    from noria.stages import train as stage
    from noria.training.plan import Plan

    plain = stage.make_plan

    def made(*arguments: Any) -> Plan:
        stored = plain(*arguments).as_json()
        marks = {"validate_at": [50, 100], "report_every": 1}
        return Plan.of(stored | {"steps": 100, "seconds_per_step": 0.1} | marks, Path())

    monkeypatch.setattr(stage, "make_plan", made)


def history(run: Path) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text("utf-8").splitlines()]


def test_a_training_on_a_machine_that_gets_busy_keeps_its_minutes_and_resumes_to_the_same_bytes(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tiny_job("image-classification", tmp_path, minutes=10 / 60)
    plan_of_100_steps(monkeypatch)
    busy = lambda step: 0.1 if step < 30 else 0.4  # noqa: E731
    with monkeypatch.context() as patched:
        slowed(patched, clock, busy)
        began = clock.now
        whole = train(job, run=tmp_path / "whole", reporter=Silent())
    lines = history(whole)
    assert 9 <= clock.now - began <= 11
    assert 40 <= lines[-1]["step"] == lines[-1]["steps"] <= 60
    assert sum("validation" in line for line in lines) == 2
    with monkeypatch.context() as patched:
        slowed(patched, clock, busy, stop_at=37)
        with pytest.raises(KeyboardInterrupt):
            train(job, run=tmp_path / "cut", reporter=Silent())
    with monkeypatch.context() as patched:
        slowed(patched, clock, busy)
        cut = train(job, run=tmp_path / "cut", resume=True, reporter=Silent())
    assert history(cut) == lines
    weights = [(run / "bundle" / "model.safetensors").read_bytes() for run in (whole, cut)]
    assert weights[0] == weights[1]


def test_what_was_decided_after_the_last_checkpoint_is_decided_again(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tiny_job("image-classification", tmp_path, minutes=10 / 60, checkpoint_minutes=60)
    plan_of_100_steps(monkeypatch)
    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        slowed(patched, clock, lambda step: 0.3, stop_at=12)
        with pytest.raises(KeyboardInterrupt):
            train(job, run=run, reporter=Silent())
    before = history(run)
    assert before[-1]["steps"] < 100
    with monkeypatch.context() as patched:
        slowed(patched, clock, lambda step: 0.1)  # the machine is free again: it does not matter for these steps
        train(job, run=run, resume=True, reporter=Silent())
    assert history(run)[: len(before)] == before


@pytest.mark.parametrize("name", ["image-classification", "tabular-classification"])
def test_a_training_on_a_faster_machine_takes_more_steps_than_were_planned(
    name: str, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_of_100_steps(monkeypatch)
    with monkeypatch.context() as patched:
        slowed(patched, clock, lambda step: 0.05)
        run = train(tiny_job(name, tmp_path, minutes=10 / 60), run=tmp_path / "run", reporter=Silent())
    assert history(run)[-1]["step"] > 150
