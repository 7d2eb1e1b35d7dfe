"""Three lines a learner, as sets of knowledge tracing are published; histories that are cut into pieces."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.contract.source import Gathering
from noria.sources.formats.answer_lines import answer_lines
from noria.sources.formats.histories import histories
from noria.sources.formats.history_pieces import HistoryPieces
from noria.sources.formats.opening import open_source

TWO = "3\n51,51,7,\n0,1,1,\n1\nx\n1\n"


def test_a_learner_is_a_history_whose_ratings_say_what_went_right(tmp_path: Path):
    source = answer_lines(written(tmp_path / "all.csv", TWO))

    first, second = records(source)

    assert list(first.fields["history"].items) == ["51", "51", "7"]
    assert first.fields["history"].ratings.tolist() == [0, 1, 1]
    assert second.where == "all.csv:4"
    assert first.fields["user"] != second.fields["user"]


@pytest.mark.parametrize("text", ["user,item\n1,2\n3,4\n", "1\n", "2\na,b\n0,5\n", "", "2\na\n1\n"])
def test_other_tables_are_left_to_other_readers(tmp_path: Path, text: str):
    assert answer_lines(written(tmp_path / "table.csv", text)) is None


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("2\na\n1\n", "2 answers are announced"),
        ("1\na\n7\n", "1 (right) or 0 (wrong)"),
        ("x\na\n1\n", "begins with a number"),
        ("1\na\n", "ends within a learner"),
        ("2\na,,b\n1,1\n", "2 answers are announced"),
    ],
)
def test_a_learner_whose_lines_do_not_fit_is_told_with_place_and_reason(tmp_path: Path, lines: str, reason: str):
    source = answer_lines(written(tmp_path / "all.csv", TWO + lines))

    bad = [one for rows in source.rows() for one in rows.bad]

    assert [one.where for one in bad] == ["all.csv:7"]
    assert reason in bad[0].reason
    assert len(records(source)) == 2


def test_the_files_of_a_folder_say_their_split(tmp_path: Path):
    for name in ("builder_train.csv", "builder_test.csv"):
        written(tmp_path / name, TWO)

    assert {rows.split for rows in answer_lines(tmp_path).rows()} == {"train", "test"}


def test_a_long_history_becomes_pieces_that_stay_together(tmp_path: Path):
    source = HistoryPieces(answer_lines(written(tmp_path / "all.csv", TWO)), "correctness", 2)

    found = records(source)

    assert [list(one.fields["history"].items) for one in found] == [["51", "51"], ["7"], ["x"]]
    assert all(one.fields["correctness"] is one.fields["history"] for one in found)
    assert source.groups() == ["user"]
    assert found[0].fields["user"] == found[1].fields["user"]


def test_a_table_of_answers_is_found_by_its_columns(tmp_path: Path):
    table = written(tmp_path / "log.csv", "student_id,skill,correct\ns1,area,1\ns1,volume,0\ns2,area,1\n")

    (first, _) = records(HistoryPieces(histories(open_source(table), Gathering(), "correctness"), "correctness", 9))

    assert first.fields["history"].ratings.tolist() == [1, 0]


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def records(source) -> list:
    return [record for rows in source.rows() for record in rows.records()]
