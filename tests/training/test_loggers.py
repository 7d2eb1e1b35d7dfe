"""Sinks: the numbers of history go where the job asks, from one process, and a missing package is named."""

from __future__ import annotations

import contextlib
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from noria.errors import UserError, how_to_install
from noria.job import Job, Train
from noria.training.loggers import numbers, open_loggers

LINE = {"step": 3, "loss": 0.5, "validation": {"accuracy": 0.9, "log_loss": None}, "note": "x", "is_best": True}
NUMBERS = {"loss": 0.5, "validation/accuracy": 0.9}


def job(*wanted: Any) -> Job:
    return Job(task="image-classification", train=Train(report_to=list(wanted)))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand-ins for both packages, which write into this."""
    found: dict[str, Any] = {"tensorboard": [], "mlflow": [], "closed": []}

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            found["folder"] = folder

        def __enter__(self) -> SummaryWriter:
            return self

        def __exit__(self, *_: object) -> None:
            found["closed"].append("tensorboard")

        def add_scalar(self, name: str, value: float, step: int) -> None:
            found["tensorboard"].append((name, value, step))

    @contextlib.contextmanager
    def start_run(run_name: str) -> Iterator[None]:
        found["run_name"] = run_name
        yield
        found["closed"].append("mlflow")

    writer = types.ModuleType("torch.utils.tensorboard.writer")
    writer.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    mlflow = types.ModuleType("mlflow")
    mlflow.start_run = start_run  # type: ignore[attr-defined]
    mlflow.set_experiment = lambda name: found.update(experiment=name)  # type: ignore[attr-defined]
    mlflow.log_params = lambda params: found.update(params=params)  # type: ignore[attr-defined]
    mlflow.log_metric = lambda name, value, step: found["mlflow"].append((name, value, step))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.ModuleType("torch.utils.tensorboard"))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", writer)
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    return found


def test_the_numbers_of_a_line_have_flat_names() -> None:
    assert numbers(LINE) == NUMBERS


def test_both_sinks_get_every_number_with_its_step_and_are_closed(written: dict[str, Any], tmp_path: Path) -> None:
    with open_loggers(job("tensorboard", "mlflow"), tmp_path / "run", is_writer=True) as sink:
        sink.write(LINE)
        assert written["closed"] == []
    expected = [(name, value, 3) for name, value in NUMBERS.items()]
    assert written["tensorboard"] == written["mlflow"] == expected
    assert written["closed"] == ["mlflow", "tensorboard"]
    assert written["folder"] == str(tmp_path / "run" / "tensorboard")
    assert (written["experiment"], written["run_name"]) == ("image-classification", "run")
    assert written["params"]["train.learning_rate"] == Train().learning_rate


@pytest.mark.parametrize(("wanted", "is_writer"), [((), True), (("tensorboard", "mlflow"), False)])
def test_nothing_is_written_unless_the_job_asks_and_the_process_is_the_writer(
    wanted: tuple[str, ...], is_writer: bool, written: dict[str, Any], tmp_path: Path
) -> None:
    with open_loggers(job(*wanted), tmp_path, is_writer) as sink:
        sink.write(LINE)
    assert written == {"tensorboard": [], "mlflow": [], "closed": []}


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "torch.utils.tensorboard.writer"), ("mlflow", "mlflow")])
def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(
    name: str, module: str, written: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=re.escape(how_to_install(name))), open_loggers(job(name), tmp_path, True):
        pass
