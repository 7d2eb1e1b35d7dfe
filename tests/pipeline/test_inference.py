"""Outputs of a model: what is gathered for them and what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noria.pipeline.predictor import load
from noria.types import Dataset
from other_data import read
from tiny_data import tiny_file


@pytest.mark.parametrize(("task", "is_read"), [("tabular-classification", False), ("token-classification", True)])
def test_encoded_inputs_are_gathered_once_more_only_for_a_target_that_reads_them(
    task: str, is_read: bool, trained: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(trained(task), device="cpu")
    dataset, _ = read(model, tiny_file(model.task, tmp_path, count=9))
    asked: list[Any] = []
    gather = Dataset.raw_inputs
    monkeypatch.setattr(Dataset, "raw_inputs", lambda self, indices: [asked.append(indices), gather(self, indices)][1])
    assert len(next(iter(model.outputs(dataset).values()))) == 9
    assert bool(asked) == is_read
