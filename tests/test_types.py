"""Rows of unequal length and windows over a stream: what batches of text are made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from noria.types import PAD, Dataset, Ragged, Windows, concatenated, lengths_of, real_rows, repeated

rows_of_numbers = st.lists(st.lists(st.integers(0, 60_000), max_size=6), min_size=1, max_size=8)


def listed(ragged: Ragged) -> list[list[int]]:
    return [ragged[i].tolist() for i in range(len(ragged))]


@given(rows_of_numbers, st.data())
def test_choosing_rows_gives_these_rows(rows, data):
    ragged = Ragged.of(rows, np.uint16)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10))
    flags = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
    assert listed(ragged) == rows
    assert listed(ragged[np.array(chosen, np.int64)]) == [rows[i] for i in chosen]
    assert listed(ragged[flags]) == [row for row, flag in zip(rows, flags, strict=True) if flag]
    assert listed(ragged[1:]) == rows[1:]
    assert ragged[-1].tolist() == rows[-1]


@given(rows_of_numbers)
def test_padding_fills_short_rows_alone(rows):
    padded = Ragged.of(rows, np.uint16).padded()
    longest = max(map(len, rows))
    assert padded.shape == (len(rows), longest)
    assert padded.tolist() == [row + [PAD] * (longest - len(row)) for row in rows]


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8])
@given(rows_of_numbers)
def test_of_numbers_and_pictures_only_the_lengths_beside_them_tell_where_a_row_ends(kind, rows):
    offsets = np.cumsum([0, *map(len, rows)])
    ragged = Ragged(np.full((offsets[-1], 2, 3), -1).astype(kind), offsets)  # data that looks like a fill value
    batch = Dataset({"it": {"rows": ragged}}, {"rows": ragged}).batch(slice(None))
    for arrays in (batch.inputs["it"], batch.target):
        padded, lengths = arrays["rows"], arrays[lengths_of("rows")]
        is_real = real_rows(lengths, padded.shape[1])
        assert padded.numpy().dtype == kind
        assert (padded[is_real] == torch.tensor(-1).to(padded.dtype)).all()
        assert (padded[~is_real] == 0).all()
        assert lengths.dtype == torch.int64
        assert lengths.tolist() == [len(row) for row in rows]


def test_of_ids_no_lengths_stand_beside_them():
    batch = Dataset({"it": {"ids": Ragged.of([[3, 4], [5]], np.uint16)}}, {}).batch(slice(None))
    assert {name: one.tolist() for name, one in batch.inputs["it"].items()} == {"ids": [[3, 4], [5, PAD]]}


@given(rows_of_numbers, rows_of_numbers)
def test_joining_then_choosing_is_choosing_then_joining(first, second):
    one, two = Ragged.of(first, np.int64), Ragged.of(second, np.int64)
    assert listed(concatenated([one, two])) == first + second
    assert listed(concatenated([two[1:], one])) == second[1:] + first


@given(rows_of_numbers, st.integers(1, 7))
def test_cut_and_ends_change_what_they_say(rows, most):
    ragged = Ragged.of(rows, np.int64)
    assert listed(ragged.cut(most)) == [row[:most] for row in rows]
    assert listed(ragged[1:].cut(most)) == [row[:most] for row in rows[1:]]
    assert listed(ragged.with_ends(7, 8)) == [[7, *row, 8] for row in rows]
    assert listed(ragged[1:].with_ends(None, 8)) == [[*row, 8] for row in rows[1:]]


def test_texts_come_back_as_they_were():
    texts = ["", "水車 turns", "naïve 🙂"]
    assert Ragged.of_texts(texts).texts() == texts


def test_one_row_can_be_repeated():
    assert listed(repeated(Ragged.of([[3, 4]], np.int64), 2)) == [[3, 4], [3, 4]]


def test_windows_cover_a_stream_without_gap_or_overlap():
    stream = np.arange(23)
    windows = Windows(stream, 5, 1, 5, (len(stream) - 1) // 5)
    assert len(windows) == 4
    assert np.concatenate(list(windows[:])).tolist() == list(range(1, 21))
    assert windows[np.array([3, 0])].tolist() == [[16, 17, 18, 19, 20], [1, 2, 3, 4, 5]]


def test_moved_windows_start_later_stay_inside_and_keep_question_and_answer_together():
    stream = np.arange(23)
    question, answer = Windows(stream, 5, 0, 1, 4).moved(4), Windows(stream, 5, 1, 5, 4).moved(4)
    assert answer[0:1].tolist() == [[5, 6, 7, 8, 9]]
    assert answer[3:4].tolist() == [[18, 19, 20, 21, 22]]
    assert (question[:][:, 0] + 1 == answer[:][:, 0]).all()


def test_windows_that_reach_back_are_padded_where_nothing_stands():
    stream = np.arange(9, dtype=np.uint16)
    before = Windows(stream, 2, -2, 3, 4)
    assert before[:].tolist() == [[-1, -1, 0], [0, 1, 2], [2, 3, 4], [4, 5, 6]]
    assert before[1:].dtype == np.uint16


def test_a_place_beyond_the_rows_is_refused():
    with pytest.raises(IndexError):
        Ragged.of([[1]], np.int64)[1]


def test_rows_of_which_none_has_a_value_keep_their_shape_and_join_with_others():
    empty, full = (Ragged.of(rows, np.float32, (4,)) for rows in ([[], []], [np.ones((2, 4))]))
    assert concatenated([empty, full]).values.shape == (2, 4)
    assert empty.padded().shape == (2, 0, 4)
