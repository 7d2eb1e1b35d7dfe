"""A table of answers: lists are written as they are read, and what an answer tells beside its value has columns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from noria.pipeline.answer_table import MOST_WAITING, AnswerTable, cell
from noria.targets.labels.answers import names_in, separator_of


def table_of(*answers: dict[str, Any]) -> list[list[Any]]:
    rows: list[list[Any]] = []
    table = AnswerTable(lambda row: rows.append(list(row)), (), must_agree=False)
    for answer in answers:
        table.write(answer)
    table.finish()
    return rows


@pytest.mark.parametrize("names", [["pro", "busy"], ["pro"], [], ["a; b", "c"], ["a, b"], ["[x"], [""]])
def test_labels_are_written_as_they_are_read(names: list[str]) -> None:
    written = cell(names)
    assert names_in(written, separator_of([written])) == [name for name in names if name]


def test_several_names_stand_in_a_cell_with_semicolons_and_other_parts_as_json() -> None:
    assert cell(["pro", "busy"]) == "pro; busy"
    assert cell(["=1+1", "busy"]) == "'=1+1; busy"
    assert json.loads(cell([1, 2.5])) == [1, 2.5]
    assert json.loads(cell({"x": "\u4e00"})) == {"x": "\u4e00"}


def test_numbers_and_texts_of_an_answer_have_columns_also_behind_records_without_one() -> None:
    answer = {"where": "b", "value": 1, "confidence": None, "similarity": 0.5, "kept": {"similarity": 3}, "low": [1]}
    head, bad, good = table_of({"where": "a", "error": "broken", "kept": {"similarity": 2}}, answer)
    assert head == ["row", "where", "value", "confidence", "error", "similarity", "input_similarity"]
    assert [str(one) for one in bad] == ["1", "a", "", "", "broken", "", "2"]
    assert [str(one) for one in good] == ["2", "b", "1", "", "", "0.5", "3"]


def test_a_table_without_any_answer_has_its_head_and_the_reasons() -> None:
    assert len(table_of({"where": "a", "error": "broken"}, {"where": "b", "error": "broken"})) == 3


def test_records_without_an_answer_do_not_wait_for_ever():
    rows = []
    table = AnswerTable(lambda row: rows.append(list(row)), (), must_agree=False)
    for index in range(MOST_WAITING):
        table.write({"where": f"a.csv:{index}", "error": "unreadable"})
    assert len(rows) == MOST_WAITING + 1  # and the head
    table.write({"where": "a.csv:9999", "value": "cat", "confidence": 0.5, "speed": 3})
    assert rows[-1][:4] == [str(MOST_WAITING + 1), "a.csv:9999", "cat", "0.5"]
    assert "speed" not in rows[0]
