"""The demo: real digits from the installation, and a picture a person can see in a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from noria.errors import UserError
from noria.reporter import Silent
from noria.stages import demo as module
from noria.stages.demo import SHADES, after, demo, demo_data
from noria.stages.train import train


def test_the_data_is_1797_digits_of_which_297_are_the_test_split() -> None:
    with np.load(demo_data(), allow_pickle=False) as arrays:
        assert arrays["train_images"].shape == (1500, 8, 8)
        assert arrays["test_images"].shape == (297, 8, 8)
        assert set(arrays["train_labels"]) == set(arrays["test_labels"]) == set(range(10))
        assert arrays["train_images"].min() == 0
        assert arrays["train_images"].max() == 255


def test_the_data_is_written_once() -> None:
    before = demo_data().stat().st_mtime_ns
    assert demo_data().stat().st_mtime_ns == before


def test_without_scikit_learn_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORIA_CACHE", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install scikit-learn"):
        demo_data()


def test_a_short_demo_goes_from_data_to_a_picture_with_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(job, overrides, run, reporter):  # type: ignore[no-untyped-def]
        few = ["train.steps=60", "train.validations=1", "evaluate.resamples=100", "model.width=32"]
        return train(job, [*overrides, *few], run, reporter=reporter)

    monkeypatch.setattr(module, "train", short)
    run = demo(Silent(), tmp_path / "run")
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert metrics["n"] == 297
    assert metrics["metrics"]["accuracy"]["value"] > 0.6
    said = after(run, metrics)
    assert "truth" in said
    art = [line[4:] for line in said.splitlines() if line.startswith("    ")]
    assert len(art) == 8
    assert all(len(line) == 16 and set(line) <= set(SHADES) for line in art)
