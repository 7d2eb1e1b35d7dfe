"""Outputs of a model: what is gathered for them and what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.pipeline.inference import PADDING, PADDING_OF_WRITTEN, PADDING_SHARE, batches_of
from noria.pipeline.predictor import load
from noria.types import Dataset, Ragged
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


def dataset_of(lengths: list[int]) -> Dataset:
    return Dataset({"text": {"ids": Ragged.of([np.zeros(one, np.int32) for one in lengths], np.int32)}}, {})


def test_records_of_like_length_are_asked_together_and_hardly_any_padding_is_computed() -> None:
    lengths = np.random.default_rng(0).geometric(0.025, 2000).tolist()
    for count in (2, 8, 32, 2000):
        order, sizes = batches_of(dataset_of(lengths[:count]), 512)
        assert sorted(order.tolist()) == list(range(count))
        assert sum(sizes) == count
        batches = np.split(np.array(lengths[:count])[order], np.cumsum(sizes)[:-1])
        for one in batches:
            assert one.max() * len(one) - one.sum() <= PADDING + PADDING_SHARE * len(one) * one.max()
            assert len(one) <= 512
        assert len(batches) <= len(set(lengths[:count]))  # and not one each, where they are alike


def test_a_long_record_does_not_make_all_others_as_long() -> None:
    _, sizes = batches_of(dataset_of([10] * 15 + [250]), 512)
    assert sizes == [15, 1]
    _, sizes = batches_of(dataset_of([10] * 15 + [250]), 512, PADDING_OF_WRITTEN)
    assert sizes == [16]  # of answers that are written, a second loop would cost more
