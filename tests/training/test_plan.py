"""What a plan measures before it forecasts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from noria.errors import UserError
from noria.job.load import load_job
from noria.reporter import Terminal
from noria.stages.prepare import prepare
from noria.training import plan
from noria.training.forecast import describe
from noria.training.plan import Plan, make_plan
from noria.training.step import Learner, Step


@pytest.fixture
def job_of_texts(tmp_path: Any) -> dict[str, Any]:
    lengths = np.random.default_rng(0).integers(1, 40, 300)
    rows = [f"{'wheel ' * length}{i},{i % 2}" for i, length in enumerate(lengths)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *rows]))
    return {
        "task": "text-classification",
        "data": {"path": str(tmp_path / "texts.csv")},
        "model": {"width": 8, "depth": 1, "heads": 1},
        "train": {"batch_size": 8, "steps": 20},
    }


def test_the_longest_records_are_learnt_from_so_that_their_memory_is_counted(
    job_of_texts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    loss = Step._loss

    def spy(step: Step, batch: Any, index: int) -> torch.Tensor:
        seen.append(batch.inputs["text"]["ids"].shape[1])
        return loss(step, batch, index)

    monkeypatch.setattr(Step, "_loss", spy)
    job, task = load_job(job_of_texts)
    prepared = prepare(job, task)
    make_plan(job, task, prepared, torch.device("cpu"))
    lengths = prepared.splits["train"].lengths
    assert lengths is not None
    assert seen[-1] == lengths.max()


@pytest.mark.parametrize(
    ("model", "steps", "told"),
    [
        ({"linear": True}, 20, " and the fitting of linear model, "),
        ({"linear": False}, 20, " s, "),
        ({"linear": True}, 0, " s, "),
    ],
    ids=["beside", "alone", "nothing is learnt"],
)
def test_simple_models_that_no_forecast_holds_are_named_beside_it(
    job_of_texts: dict[str, Any], capsys: pytest.CaptureFixture[str], model: dict[str, Any], steps: int, told: str
) -> None:
    job_of_texts["model"] |= model
    job, task = load_job(job_of_texts, [f"train.steps={steps}"])
    prepared = prepare(job, task)
    describe(Terminal(), prepared, make_plan(job, task, prepared, torch.device("cpu")))
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("forecast: ")]
    assert told in line
    assert ("fitting" in line) == ("fitting" in told)


def test_a_step_is_forecast_for_records_of_usual_length(
    job_of_texts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step takes a second for each padded place; the few that are timed are not those of usual length."""
    now = [0.0]

    def gradients(step: Step, index: int) -> None:
        now[0] += step.batch(index).inputs["text"]["ids"].shape[1]

    monkeypatch.setattr(Step, "gradients", gradients)
    monkeypatch.setattr(plan.time, "perf_counter", lambda: now[0])
    job, task = load_job(job_of_texts)
    prepared = prepare(job, task)
    train, lengths = prepared.splits["train"], prepared.splits["train"].lengths
    assert lengths is not None
    model = plan.begin(job, task, prepared.states, torch.device("cpu"))
    learner = Learner(job, task, prepared.states["target"], model, torch.device("cpu"))
    step = Step(learner, train, 99, "float32", plan.Processes())
    usual = np.mean([step.batch(index).inputs["text"]["ids"].shape[1] for index in range(len(train) // 8)])
    probe = plan._timed(learner, train, "float32", 0.03, is_choosy=False)
    assert probe.seconds == pytest.approx(usual)
    assert step.batch(1).inputs["text"]["ids"].shape[1] != round(usual)


def test_what_is_not_asked_for_is_not_timed(job_of_texts: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def seconds(*arguments: Any) -> float:
        asked.append(arguments[-1])
        return 1.0

    monkeypatch.setattr(plan, "_evaluation_seconds", seconds)
    job, task = load_job(job_of_texts, ["train.validations=0"])
    make_plan(job, task, prepare(job, task), torch.device("cpu"))
    assert asked == [False]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([9.0], False),  # the first warms up
        ([9.0, 2.0], True),
        ([0.1, 0.001, 0.001, 0.001], False),
        ([0.1, 0.02, 0.02, 0.02], True),
        ([0.1, 0.4, 0.4], False),
        ([0.1, 0.4, 0.4, 0.4], True),
    ],
)
def test_slow_steps_are_timed_once_and_quick_ones_many_times(seconds: list[float], expected: bool) -> None:
    assert plan._is_enough(seconds, 0.03) is expected


def test_no_timing_chooses_what_a_step_is(job_of_texts: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the clock says, precision, threads and the number of steps are the same."""
    job, task = load_job(job_of_texts)
    prepared = prepare(job, task)
    plans = []
    for pace in (1.0, 1000.0, 0.001):
        now = [0.0]

        def tick(now: list[float] = now, pace: float = pace) -> float:
            now[0] += pace * (1 + len(plans) + now[0] % 7)
            return now[0]

        monkeypatch.setattr(plan.time, "perf_counter", tick)
        monkeypatch.setattr(plan.time, "process_time", tick)
        monkeypatch.setattr(plan, "most_threads", lambda: 4)
        plans.append(make_plan(job, task, prepared, torch.device("cpu")))
    decided = [(one.precision, one.threads, one.steps, one.records_per_step, one.validate_at) for one in plans]
    assert decided[0] == decided[1] == decided[2]
    assert len({one.seconds_per_step for one in plans}) == 3


@pytest.mark.parametrize(("single", "is_told"), [(0.1, True), (0.9, False)])
def test_cores_that_are_busy_with_other_work_are_told_and_change_nothing(
    single: float, is_told: bool, job_of_texts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    used = torch.get_num_threads()
    monkeypatch.setattr(plan, "most_threads", lambda: 2)
    monkeypatch.setattr(plan, "usual_threads", lambda *_: 2)
    monkeypatch.setattr(plan, "_probe", lambda *_: plan._Probe({1: single, 2: 1.0}[torch.get_num_threads()], 0.0))
    job, task = load_job(job_of_texts)
    told: list[str] = []
    try:
        made = make_plan(job, task, prepare(job, task), torch.device("cpu"), told.append)
    finally:
        torch.set_num_threads(used)
    assert made.threads == 2
    assert any("OMP_NUM_THREADS=1" in one for one in told) is is_told


def test_a_stored_plan_is_read_also_without_what_later_versions_added(job_of_texts: dict[str, Any]) -> None:
    job, task = load_job(job_of_texts)
    made = make_plan(job, task, prepare(job, task), torch.device("cpu"))
    stored = made.as_json()
    assert Plan.of(stored, Path("run")) == made
    del stored["reason"]
    assert Plan.of(stored, Path("run")).steps == made.steps
    for broken in ({}, {**stored, "steps": "many"}, {**stored, "validate_at": None}):
        with pytest.raises(UserError, match="no plan of a training") as caught:
            Plan.of(broken, Path("run"))
        assert caught.value.where == "run/plan.json"


def test_the_operations_of_a_step_are_those_of_records_of_usual_length(job_of_texts: dict[str, Any]) -> None:
    job, task = load_job(job_of_texts)
    prepared = prepare(job, task)
    train = prepared.splits["train"]
    model = plan.begin(job, task, prepared.states, torch.device("cpu"))
    learner = Learner(job, task, prepared.states["target"], model, torch.device("cpu"))
    step = Step(learner, train, 99, "float32", plan.Processes())
    whole = []
    for index in range(len(train) // 8):
        with plan.Operations() as counted:
            step.gradients(index)
        whole.append(counted.total)
    made = make_plan(job, task, prepared, torch.device("cpu"))
    assert made.operations_per_step == pytest.approx(np.mean(whole), rel=0.1)
    assert whole[0] != pytest.approx(np.mean(whole), rel=0.1)
    assert made.peak_operations_per_second > 0


def test_a_step_that_learns_from_the_hardest_counts_what_it_looks_at(job_of_texts: dict[str, Any]) -> None:
    plain, choosy = (
        make_plan(job, task, prepare(job, task), torch.device("cpu")).operations_per_step
        for job, task in (
            load_job(job_of_texts),
            load_job(job_of_texts, ["train.hard_example_mining=80", "train.hard_example_fraction=0.1"]),
        )
    )
    assert choosy > 2 * plain


def test_nothing_is_counted_where_nothing_is_trained(job_of_texts: dict[str, Any]) -> None:
    job, task = load_job(job_of_texts, ["train.steps=0"])
    made = make_plan(job, task, prepare(job, task), torch.device("cpu"))
    assert (made.operations_per_step, made.peak_operations_per_second) == (0.0, 0.0)
