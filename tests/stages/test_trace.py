"""One record's way through a job, without data and with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.contract import dispatch, registry
from noria.job.load import load_job, shipped_jobs
from noria.stages.trace import table, trace
from tiny_data import tiny_job

JOBS = sorted(shipped_jobs())


def test_there_are_jobs_to_trace() -> None:
    assert len(JOBS) >= 5


@pytest.mark.parametrize("name", JOBS)
def test_a_shipped_job_needs_no_data(name: str) -> None:
    steps = trace(name)
    names = [step.name.split()[0] for step in steps]
    assert names[0] == "record"
    whole = ["record", "encode", "embed", "trunk", "head", "decode", "loss"]
    is_learnt = not dispatch.learns_nothing(load_job(name)[1].target)
    assert list(dict.fromkeys(names)) == [step for step in whole if is_learnt or step != "embed"]
    assert all(step.milliseconds >= 0 for step in steps)


def test_the_digits_have_the_shapes_the_network_gives_them() -> None:
    shapes = {step.name: step.shape for step in trace("digits", ["inputs.image.stem=reference"])}
    assert shapes["record image"] == "uint8 [28, 28]"
    assert shapes["encode image.pixels"] == "[1, 28, 28, 1]"
    assert shapes["embed image"] == "[1, 1, 1600]"
    assert shapes["head logits"] == "[1, 2]"


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_with_data_the_first_record_of_the_file_goes_through(name: str, tmp_path: Path) -> None:
    steps = trace(tiny_job(name, tmp_path))
    assert "records.csv:2" in steps[0].what
    assert steps[-1].name == "loss"
    assert float(steps[-1].shape) >= 0


def test_a_trunk_says_its_depth() -> None:
    about = {step.name: step.what for step in trace("digits", ["model.depth=2", "model.width=32"])}
    assert about["trunk"].startswith("2 blocks, full attention")


def test_the_table_is_aligned_and_has_a_line_a_step() -> None:
    steps = trace("demo")
    lines = table(steps).splitlines()
    assert len(lines) == len(steps) + 1
    assert len({len(line) for line in lines}) == 1
    assert all(line.startswith(step.name) for line, step in zip(lines[1:], steps, strict=True))
