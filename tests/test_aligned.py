"""Columns of text that stand below one another."""

from __future__ import annotations

from noria.aligned import aligned


def test_columns_begin_or_end_at_one_place() -> None:
    rows = [["run", "score", "n"], ["digits", "0.9", "1,797"]]
    assert aligned(rows) == ["run     score  n", "digits  0.9    1,797"]
    assert aligned(rows, 2) == ["run     score      n", "digits  0.9    1,797"]


def test_a_chinese_character_takes_two_cells_of_a_terminal() -> None:
    assert aligned([["评论", "a", "1"], ["reviews", "b", "二"]], 2) == ["评论     a   1", "reviews  b  二"]


def test_no_row_is_no_line() -> None:
    assert aligned([]) == []
