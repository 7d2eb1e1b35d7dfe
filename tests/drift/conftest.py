"""A small run that answers well: which side of zero the sum of two columns is, or that sum itself."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import noria
from noria.reporter import Silent


def rows_of(
    count: int, seed: int, shift: float = 0.0, has_answer: bool = True, answer: str = "label"
) -> list[list[str]]:
    """Return a header and records; `shift` moves the first column."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(count, 2)).round(4)
    values[:, 0] += shift
    total = values.sum(1) + generator.normal(0, 0.3, count)
    truth = ["yes" if one > 0 else "no" for one in total] if answer == "label" else [f"{one:.4f}" for one in total]
    head = ["a", "b", answer] if has_answer else ["a", "b"]
    return [
        head,
        *([f"{a:.4f}", f"{b:.4f}", *([one] if has_answer else [])] for (a, b), one in zip(values, truth, strict=True)),
    ]


def write(path: Path, rows: list[list[str]]) -> Path:
    """Write rows as CSV; return the path."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def trained(folder: Path, task: str, answer: str, value: dict[str, Any] | None = None) -> Path:
    """Train a tiny run."""
    data = write(folder / "train.csv", rows_of(900, 0, answer=answer))
    job = {
        "task": task,
        "data": {"path": str(data), "split": {"validation": 0.3, "test": 0.1}},
        "model": {"width": 16, "heads": 2, "depth": 1},
        "train": {"steps": 60, "batch_size": 64, "precision": "float32"},
        "evaluate": {"rivals": False},
        "value": value,
    }
    return Path(noria.train(job, run=folder / "run", reporter=Silent()))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that says yes or no."""
    return trained(tmp_path_factory.mktemp("classes"), "tabular-classification", "label")


@pytest.fixture(scope="session")
def number_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that says a number."""
    return trained(tmp_path_factory.mktemp("numbers"), "tabular-regression", "number")


@pytest.fixture(scope="session")
def value_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run whose answers have a worth, which is often the highest where none is given."""
    value = {"currency": "EUR", "correct": 1, "wrong": -9, "abstain": -0.1, "matrix": {"yes": {"no": -3}}}
    return trained(tmp_path_factory.mktemp("value"), "tabular-classification", "label", value)
