"""What is wrong, and what will not suffice, is said before a training, in numbers and with the setting that helps."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from noria.errors import UserError
from noria.job.load import load_job
from noria.pipeline.inference import EQUAL_BYTES, batches_of
from noria.pipeline.out_of_memory import told_out_of_memory
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages import train as stage
from noria.stages.prepare import prepare
from noria.stages.train import train
from noria.training import forecast as module
from noria.training.forecast import refuse_too_little
from noria.training.plan import Plan, make_plan
from noria.training.step import Step
from noria.types import Dataset
from tiny_data import tiny_job

Usage = namedtuple("Usage", "total used free")
TASK = "tabular-classification"
SAID = "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"


class Telling(Silent):
    def __init__(self) -> None:
        self.told: list[str] = []

    def say(self, text: str) -> None:
        self.told.append(text)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    job, task = load_job(tiny_job(TASK, tmp_path))
    return make_plan(job, task, prepare(job, task), torch.device("cpu"))


def test_a_disk_with_too_little_room_is_told_before_the_first_step(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 0, plan.disk_bytes - 1))
    with pytest.raises(UserError, match="too little room") as caught:
        refuse_too_little(Silent(), tmp_path, plan)
    assert caught.value.exit_code == 74
    assert "--run" in caught.value.fix
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 0, plan.disk_bytes))
    refuse_too_little(Silent(), tmp_path, plan)


def test_a_training_that_the_disk_cannot_hold_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 0, 100))
    with pytest.raises(UserError, match="too little room"):
        train(tiny_job(TASK, tmp_path), run=tmp_path / "run", reporter=Silent())
    assert not (tmp_path / "run").exists()


def test_memory_that_may_not_suffice_is_told_in_numbers(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for free, expected in ((2 * 10**9, 1), (4 * 10**9, 0)):
        monkeypatch.setattr(module, "held_bytes", lambda: 10**9)
        monkeypatch.setattr(module, "free_bytes", lambda free=free: free)
        reporter = Telling()
        refuse_too_little(reporter, tmp_path, replace(plan, memory_bytes=4 * 10**9))
        assert len(reporter.told) == expected
        assert all("3.0 GB" in one and "2.0 GB" in one and "train.batch_size" in one for one in reporter.told)


def test_a_step_without_enough_memory_is_told_with_settings_that_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Step._gradients

    def short(step: Step, number: int) -> float:
        if step.batch_size > 4:
            raise RuntimeError(SAID)
        return plain(step, number)

    monkeypatch.setattr(Step, "_gradients", short)
    job = tiny_job(TASK, tmp_path)
    with pytest.raises(UserError, match="the memory is not enough for a step of 8 records at once") as caught:
        train(job, run=tmp_path / "run", reporter=Silent())
    advised = [word for word in caught.value.fix.split() if word.startswith("train.")]
    assert advised == ["train.batch_size=4", "train.accumulate=2"]
    assert (train(job, advised, run=tmp_path / "again", reporter=Silent()) / "bundle").is_dir()


def test_answers_without_enough_memory_are_told_with_a_setting_that_helps(
    trained: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(trained(TASK), device="cpu")

    def short(*_: Any, **__: Any) -> None:
        raise RuntimeError(SAID)

    monkeypatch.setattr(type(model.bundle.model), "forward", short)
    records = [model.task.example().fields[next(iter(model.task.inputs))]] * 4
    with pytest.raises(UserError, match="4 records at once") as caught:
        model.predict(records)
    assert caught.value.fix.endswith("evaluate.batch_size=2")


def test_another_error_of_torch_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="shapes"), told_out_of_memory("a step", "nothing"):
        raise RuntimeError("shapes do not fit")
    for error in (MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate"), RuntimeError(SAID)):
        with pytest.raises(UserError), told_out_of_memory("a step", "nothing"):
            raise error


@pytest.mark.parametrize(("side", "expected"), [(8, 512), (224, 222), (1024, 10), (8000, 1)])
def test_batches_of_large_records_are_bounded_by_their_bytes(side: int, expected: int) -> None:
    pixels = np.broadcast_to(np.zeros((1, 1, 1, 1), np.uint8), (600, side, side, 3))
    order, sizes = batches_of(Dataset({"image": {"pixels": pixels, "_name": pixels}}, {}), 512)
    assert max(sizes) == expected
    assert sum(sizes) == len(order) == 600
    assert max(sizes) == 1 or max(sizes) * side * side * 3 <= EQUAL_BYTES


def test_a_metric_that_is_none_is_told_before_anything_is_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("it is planned")

    monkeypatch.setattr(stage, "make_plan", never)
    job = tiny_job(TASK, tmp_path)
    for wrong, fix in (
        ("f1", "train.best_by=f1_macro"),
        ("acuracy", "train.best_by=accuracy"),
        ("x", "train.best_by=accuracy"),
    ):
        with pytest.raises(UserError, match="no metric") as caught:
            train(job, [f"train.best_by={wrong}"], run=tmp_path / "run", reporter=Silent())
        assert "accuracy, f1_macro" in caught.value.expected
        assert caught.value.fix == fix
    assert not (tmp_path / "run").exists()


def test_planning_says_what_it_is_timing(tmp_path: Path) -> None:
    reporter = Telling()
    train(tiny_job(TASK, tmp_path), run=tmp_path / "run", reporter=reporter)
    first = next(index for index, one in enumerate(reporter.told) if one.startswith("planning: timing a few steps"))
    assert first < next(index for index, one in enumerate(reporter.told) if one.startswith("plan: "))


def test_a_place_that_cannot_be_written_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    job = tiny_job(TASK, tmp_path)
    with pytest.raises(UserError, match="cannot be written") as caught:
        train(job, run=file / "run", reporter=Silent())
    assert "--run" in caught.value.fix
    monkeypatch.setenv("NORIA_CACHE", str(file / "cache"))
    with pytest.raises(UserError, match="cannot be written") as caught:
        train(job, run=tmp_path / "run", reporter=Silent())
    assert "NORIA_CACHE" in caught.value.fix
    monkeypatch.setenv("NORIA_CACHE", str(tmp_path / "cache"))
    assert train(job, run=tmp_path / "run", reporter=Silent()).is_dir()


def test_a_machine_without_a_home_names_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    from noria.store.cache import cache_folder

    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(UserError, match="no home folder") as caught:
        cache_folder()
    assert "NORIA_CACHE" in caught.value.fix


@pytest.mark.parametrize(
    "setting",
    [
        "train.batch_size=-1", "train.batch_size=0", "train.batch_size=1000000000", "train.steps=-5",
        "train.minutes=0", "train.minutes=1e9", "train.epochs=-1", "train.accumulate=0", "train.seed=-1",
        "train.validations=-1", "train.patience=0", "model.width=0", "model.width=1000000000", "model.depth=-1",
        "model.depth=1000000000", "model.heads=0", "model.mlp_ratio=0", "model.mlp_ratio=1e9", "model.lora=0",
        "evaluate.batch_size=0", "evaluate.batch_size=1000000000000",
    ],
)  # fmt: skip
def test_negative_and_absurd_sizes_are_refused(setting: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="wrong value") as caught:
        load_job({"task": TASK, "data": {"path": "rows.csv"}}, [setting])
    assert setting.partition("=")[0] in caught.value.where
