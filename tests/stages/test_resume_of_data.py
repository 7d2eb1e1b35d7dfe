"""A training that began with data in the place of a job goes on with the same command and `--resume`."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.errors import UserError
from noria.reporter import Silent
from noria.stages.train import train


def test_the_same_command_with_resume_goes_on(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("x,c,kind\n" + "".join(f"{i},{'ab'[i % 2]},{'uv'[i % 2]}\n" for i in range(80)))
    given = ["label=kind", "train.steps=2", "train.precision=float32", "evaluate.resamples=100"]
    run = train(table, given, tmp_path / "run", reporter=Silent())
    trained = (run / "bundle" / "model.safetensors").read_bytes()
    assert train(table, given, run, resume=True, reporter=Silent()) == run
    assert (run / "bundle" / "model.safetensors").read_bytes() == trained
    with pytest.raises(UserError, match="goes on with the settings it began with") as caught:
        train(table, ["label=c"], run, resume=True, reporter=Silent())
    assert caught.value.where == "data.fields.label"
