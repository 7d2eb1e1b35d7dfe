"""What a plan measures before it forecasts."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch

from noria.job import Job, load_job
from noria.stages import plan
from noria.stages.plan import make_plan
from noria.stages.prepare import prepare
from noria.stages.step import Step


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
    monkeypatch.setattr(plan, "_probe", lambda job, task, model, train, precision, device: probes[precision])
    monkeypatch.setattr(plan, "usual_threads", lambda: 1)
    job = Job.model_validate({"task": "text-classification"})
    nothing: Any = None
    assert plan._choose(job, nothing, nothing, nothing, torch.device("cpu"))[0] == "bfloat16"
    probes["float32"] = plan._Probe(9.0, 0.0, 1.04)  # hardly slower: then the exact one
    probes["bfloat16"] = plan._Probe(2.0, 0.0, 1.0)
    assert plan._choose(job, nothing, nothing, nothing, torch.device("cpu"))[0] == "float32"


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
    probe = plan._timed(job, nothing, nothing, nothing, "float32", torch.device("cpu"), 0.05, is_choosy=False)
    assert probe.seconds >= 0.02 > probe.used_seconds
