"""Rows of unequal length have the same hash wherever they stand, another one where anything in them differs."""

from __future__ import annotations

import numpy as np
import pytest

from noria.preparation.data_checks import Suspicions
from noria.store.hashing import hash_values
from noria.types import Ragged

ROWS = [[3, 1, 2], [], [1, 2, 3], [3, 1], [3, 1, 2, 0], [0], [0, 0], [2, 1, 3], [65535]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_rows_that_differ_in_length_value_or_order_have_different_hashes(dtype) -> None:
    rows = ROWS[:-1] if dtype is np.uint8 else ROWS
    assert len(set(hash_values(Ragged.of(rows, dtype)).tolist())) == len(rows)


def test_a_row_has_one_hash_whatever_stands_around_it() -> None:
    whole = Ragged.of(ROWS * 3, np.uint16)
    hashes = hash_values(whole)
    np.testing.assert_array_equal(hashes, np.tile(hashes[: len(ROWS)], 3))
    part = Ragged(whole.values, whole.offsets[4:12])  # as a slice of a stored array is: its offsets start later
    np.testing.assert_array_equal(hash_values(part), hashes[4:11])
    for i, row in enumerate(ROWS):
        assert hash_values(Ragged.of([row], np.uint16))[0] == hashes[i]


def test_rows_of_several_numbers_a_place_are_told_apart() -> None:
    steps = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0]], np.float32)
    one, two, three = hash_values(Ragged(steps, np.array([0, 1, 2, 3])))
    assert one == three != two


def test_nothing_and_no_rows_have_hashes_too() -> None:
    assert len(hash_values(Ragged.of([], np.uint16))) == 0
    assert len(set(hash_values(Ragged.of([[], []], np.uint16)).tolist())) == 1


def test_seeds_give_other_hashes_of_rows() -> None:
    rows = Ragged.of(ROWS, np.uint16)
    assert not (hash_values(rows, 1) == hash_values(rows, 2)).any()


def test_wide_and_narrow_rows_are_hashed_the_same_in_blocks_of_any_size(monkeypatch) -> None:
    generator = np.random.default_rng(0)
    for width in (1, 7, 784):
        values = generator.integers(0, 255, (999, width), np.uint8)
        whole = hash_values(values)
        np.testing.assert_array_equal(np.concatenate([hash_values(values[:10]), hash_values(values[10:])]), whole)
        monkeypatch.setattr("noria.store.hashing.BLOCK_WORDS", 64)
        np.testing.assert_array_equal(hash_values(values), whole)
        monkeypatch.undo()


def test_records_whose_model_sees_the_same_are_duplicates_however_they_were_written() -> None:
    suspicions = Suspicions(["text"])
    ids, raw = Ragged.of([[1, 2], [1, 2], [1, 3]], np.uint16), Ragged.of_texts(["A b", "a b", "a c"])
    suspicions.see("train", {"inputs/text/ids": ids, "inputs/text/_text": raw, "target/label": np.arange(3)})
    assert suspicions._duplicates({}) == ["1 records of train repeat another one of train"]
