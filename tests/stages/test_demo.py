"""The demo: real digits from the installation, and a picture a person can see in a terminal."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import noria
from noria.reporter import Silent
from noria.stages import demo as module
from noria.stages.demo import DIGITS, SHADES, after, demo
from noria.stages.train import train


def test_the_data_is_1797_digits_of_which_297_are_the_test_split() -> None:
    with np.load(DIGITS, allow_pickle=False) as arrays:
        assert arrays["train_images"].shape == (1500, 8, 8)
        assert arrays["test_images"].shape == (297, 8, 8)
        assert set(arrays["train_labels"]) == set(arrays["test_labels"]) == set(range(10))
        assert arrays["train_images"].min() == 0
        assert arrays["train_images"].max() == 255


def test_the_digits_are_those_of_scikit_learn_and_say_where_they_come_from() -> None:
    there = load_digits()
    with np.load(DIGITS, allow_pickle=False) as arrays:
        pictures = np.concatenate([arrays["train_images"], arrays["test_images"]])
        labels = np.concatenate([arrays["train_labels"], arrays["test_labels"]])
    assert (pictures == (there.images * 255 / 16).astype(np.uint8)).all()
    assert (labels == there.target).all()
    notice = DIGITS.with_suffix(".txt").read_text("utf-8")
    assert "CC BY 4.0" in notice
    assert "BSD-3-Clause" in notice


def test_what_is_no_code_is_installed_too() -> None:
    """A file that no pattern of the package's data names would be missing after `pip install`."""
    root = Path(noria.__file__).parent
    patterns = tomllib.loads((root.parents[1] / "pyproject.toml").read_text("utf-8"))
    known = {path for one in patterns["tool"]["setuptools"]["package-data"]["noria"] for path in root.glob(one)}
    files = {path for path in root.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert DIGITS in files
    assert files - known == set()


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
