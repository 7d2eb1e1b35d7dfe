"""What a plan measures before it forecasts."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch

from noria.job import Job
from noria.job.load import load_job
from noria.stages.prepare import prepare
from noria.training import plan
from noria.training.plan import make_plan
from noria.training.step import Learner, Step
from noria.types import Dataset


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


def test_other_work_on_the_machine_does_not_choose_the_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    probes = {"bfloat16": plan._Probe(9.0, 0.0, 1.0), "float32": plan._Probe(2.0, 0.0, 2.0)}
    monkeypatch.setattr(plan, "_probe", lambda learner, train, precision: probes[precision])
    monkeypatch.setattr(plan, "usual_threads", lambda: 1)
    job = Job.model_validate({"task": "text-classification"})
    nothing: Any = None
    learner = Learner(job, nothing, {}, nothing, torch.device("cpu"))
    assert plan._choose(learner, nothing)[0] == "bfloat16"
    probes["float32"] = plan._Probe(9.0, 0.0, 1.04)  # hardly slower: then the exact one
    probes["bfloat16"] = plan._Probe(2.0, 0.0, 1.0)
    assert plan._choose(learner, nothing)[0] == "float32"


def test_time_that_a_step_waits_is_counted_in_the_forecast_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waiting:
        def __init__(self, *_: Any) -> None:
            self.batch = lambda index: None
            self.gradients = lambda index: time.sleep(0.02)

    class Nothing:
        def __init__(self, *_: Any) -> None:
            self.step = lambda share: None
            self.clear = lambda: None

    monkeypatch.setattr(plan, "Step", Waiting)
    monkeypatch.setattr(plan, "Optimizer", Nothing)
    job = Job.model_validate({"task": "text-classification"})
    nothing: Any = None
    records = Dataset({"text": {"vector": np.zeros((1, 2))}}, {})
    learner = Learner(job, nothing, {}, nothing, torch.device("cpu"))
    probe = plan._timed(learner, records, "float32", 0.05, is_choosy=False)
    assert probe.seconds >= 0.02 > probe.used_seconds
