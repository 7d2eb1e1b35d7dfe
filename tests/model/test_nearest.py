"""Exact search: the same as sorting everything, however the table is cut into blocks."""

from __future__ import annotations

import numpy as np
import pytest

from noria.model import nearest as search
from noria.model.nearest import nearest


@pytest.mark.parametrize("block", [7, 100, 1000])
def test_the_nearest_are_those_of_a_full_sort(block: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search, "BLOCK", block)
    draws = np.random.default_rng(0)
    table, asked = draws.integers(-2, 3, (100, 3)).astype(np.float32), draws.normal(size=(4, 3)).astype(np.float32)

    found = nearest(table, asked, 12)

    for vector, (scores, places) in zip(asked, found, strict=True):
        order = np.argsort(-(table @ vector), kind="stable")[:12]
        assert np.allclose(scores, (table @ vector)[order])
        assert np.allclose((table @ vector)[places], (table @ vector)[order])


@pytest.mark.parametrize("block", [3, 100])
def test_of_equal_ones_the_first_are_taken(block: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search, "BLOCK", block)

    ((_, places),) = nearest(np.ones((10, 2), np.float32), np.ones((1, 2), np.float32), 4)

    assert places.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("block", [3, 100])
def test_what_is_left_out_is_no_answer_though_fewer_remain_than_are_asked_for(
    block: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search, "BLOCK", block)
    table = np.arange(6, dtype=np.float32)[:, None]

    ((_, places),) = nearest(table, np.ones((1, 1), np.float32), 10, [np.array([5, 0, 4])])

    assert places.tolist() == [3, 2, 1]
