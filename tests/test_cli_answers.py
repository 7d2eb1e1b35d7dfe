"""`noria predict` on texts, standard input and other columns; what stands in the answers, and how the command ends."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import noria
from noria.reporter import Silent
from tiny_data import png, reviews_job

Run = Callable[..., "tuple[int, str, str]"]


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on texts in a table whose columns are not called like the fields."""
    folder = tmp_path_factory.mktemp("reviews")
    rows = [f"{i},{'good' if i % 2 else 'bad'} {i},{i % 2 * 2 - 1}" for i in range(60)]
    job = reviews_job(folder, ["id,review,stars", *rows])
    return noria.train(job, run=folder / "run", reporter=Silent())


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    rows = [f"{i % 7 + i / 100},{i % 5},{'pn'[i % 7 > 3]}" for i in range(80)]
    (folder / "t.csv").write_text("\n".join(["x,y,label", *rows]) + "\n")
    words = ["label=label", "train.steps=5", "train.precision=float32", "model.size=tiny", "evaluate.resamples=100"]
    return noria.train(folder / "t.csv", words, folder / "run", reporter=Silent())


@pytest.fixture
def answers(run_noria: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """A function: words, standard input -> the answers that were printed."""

    def run(*words: object, given: bytes = b"") -> list[dict[str, Any]]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        code, out, err = run_noria("predict", *words)
        assert code == 0, err
        return [json.loads(line) for line in out.splitlines()]

    return run


@pytest.fixture
def run_noria(noria: Run) -> Run:
    return noria


def values(answers: list[dict[str, Any]]) -> list[Any]:
    return [(one["value"], one["confidence"]) for one in answers]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_text_is_answered_as_its_record(answers: Any, reviews: Path) -> None:
    expected = [(one.value, one.confidence) for one in noria.predict(reviews, ["good, you know", "bad"])]
    found = answers(reviews, "good, you know", "bad")
    assert values(found) == expected
    assert [one["where"] for one in found] == ["text 1", "text 2"]


@pytest.mark.parametrize(
    "given",
    [
        b"good, you know\nbad\n",
        b'review,id\n"good, you know",1\nbad,2\n',
        b"\xef\xbb\xbfid\ttext\n1\tgood, you know\n2\tbad\n",
        b'{"text": "good, you know"}\n{"text": "bad"}\n',
        b'{"review": "good, you know"}\n{"review": "bad"}\n',
    ],
)
def test_standard_input_is_lines_a_table_or_json(given: bytes, answers: Any, reviews: Path) -> None:
    found = answers(reviews, "-", given=given)
    assert values(found) == values(answers(reviews, "good, you know", "bad"))
    assert all(one["where"].startswith("standard-input.") for one in found)


def test_standard_input_is_a_table_or_a_file_for_models_of_those(answers: Any, table: Path, trained: Any) -> None:
    assert len(answers(table, "-", given=b"x,y\n1,2\n3,4\n")) == 2
    assert len(answers(table, "-", given=b'{"x": 1, "y": 2}\n')) == 1
    assert len(answers(trained("image-classification"), "-", given=png(np.full((28, 28), 9, np.uint8)))) == 1


def test_standard_input_that_is_empty_is_said(run_noria: Run, reviews: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    code, _, err = run_noria("predict", reviews, "-")
    assert (code, "standard input is empty" in err) == (2, True)


def test_other_columns_are_named_by_an_override_as_the_error_advises(
    answers: Any, run_noria: Run, reviews: Path, tmp_path: Path
) -> None:
    path = tmp_path / "new.csv"
    path.write_text("body,stars\ngood,1\nbad,-1\n")
    code, _, err = run_noria("predict", reviews, path)
    assert code == 2
    assert "data.fields.text=COLUMN" in err
    assert values(answers(reviews, path, "data.fields.text=body")) == values(answers(reviews, "good", "bad"))
    assert len(answers(reviews, "data.fields={text: body}", path)) == 2
    assert run_noria("evaluate", reviews, "--data", path)[0] == 2
    code, out, err = run_noria("evaluate", reviews, "data.fields.text=body", "--data", path)
    assert (code, "2 records" in out) == (0, True), err


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("train.minutes=5", "takes only settings of how data is read"),
        ("data.feilds.text=body", "did you mean 'fields'?"),
        ("data.fields.txt=body", "did you mean 'text'?"),
    ],
)
def test_an_override_that_says_nothing_of_the_data_is_refused(
    word: str, said: str, run_noria: Run, reviews: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("good\n")
    code, _, err = run_noria("predict", reviews, tmp_path / "a.txt", word)
    assert code == 2
    assert said in err


def test_the_columns_of_a_table_cannot_be_renamed_by_an_override(run_noria: Run, table: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,z\n1,2\n")
    code, _, err = run_noria("predict", table, tmp_path / "a.csv", "data.fields.table=[x, z]")
    assert code == 2
    assert "the columns of a table are those of training" in err


def test_all_columns_that_are_missing_are_named_at_once(run_noria: Run, table: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("z\n1\n2\n")
    assert "no columns 'x', 'y' for the field 'table'" in run_noria("predict", table, tmp_path / "a.csv")[2]
    code, _, err = run_noria("evaluate", table, "--data", tmp_path / "a.csv")
    assert code == 2
    assert "no columns 'x', 'y'" in err
    assert "no column 'label'" in err


def test_a_table_of_answers_has_the_row_the_classes_and_what_is_kept(
    run_noria: Run, table: Path, tmp_path: Path
) -> None:
    path, out = tmp_path / "new.csv", tmp_path / "out.csv"
    path.write_text("id,x,y,value\n=7,1,2,a\n8,broken,2,b\n9,1,2\n-10,3,4,d\n")
    code, said, err = run_noria("predict", table, path, "--out", out, "--keep", "id,value")
    assert code == 0, err
    assert said == f"wrote 2 answers to {out}; 2 could not be answered: their lines say why\n"
    rows = rows_of(out)
    assert [*rows[0]] == [
        *("row", "where", "value", "confidence", "error", "probability_n", "probability_p", "id", "input_value")
    ]
    assert [row["row"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["where"] for row in rows] == [f"new.csv:{line}" for line in range(2, 6)]
    assert [row["id"] for row in rows] == ["'=7", "8", "", "-10"]
    assert [row["input_value"] for row in rows] == ["a", "b", "", "d"]
    assert [bool(row["error"]) for row in rows] == [False, True, True, False]
    for row in (rows[0], rows[3]):
        assert float(row["probability_n"]) + float(row["probability_p"]) == pytest.approx(1, abs=1e-4)
        assert float(row["confidence"]) == float(row[f"probability_{row['value']}"])
    assert run_noria("predict", table, path, "--out", out, "--keep", "all")[0] == 0
    assert [*rows_of(out)[0]][7:] == ["id", "x", "y", "input_value"]


def test_a_table_of_answers_keeps_the_columns_of_a_table_unless_it_is_told_not_to(
    run_noria: Run, table: Path, tmp_path: Path
) -> None:
    path, out = tmp_path / "new.csv", tmp_path / "out.csv"
    path.write_text("id,x,y,value,input_value,probability_n\n7,1,2,a,b,c\n8,1\n")
    assert run_noria("predict", table, path, "--out", out)[0] == 0
    own = ["row", "where", "value", "confidence", "error", "probability_n", "probability_p"]
    kept = ["id", "x", "y", "input_input_value", "input_value", "input_probability_n"]
    rows = rows_of(out)
    assert [*rows[0]] == [*own, *kept]
    assert [rows[0][name] for name in kept] == ["7", "1", "2", "a", "b", "c"]
    assert [rows[1][name] for name in kept] == [""] * 6
    assert "2 cells where the header has 6" in rows[1]["error"]
    assert run_noria("predict", table, path, "--out", out, "--keep", "none", "--probabilities", 0)[0] == 0
    assert [*rows_of(out)[0]] == own[:5]


def test_many_classes_have_no_columns_unless_they_are_asked_for(run_noria: Run, table: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("x,y\n1,2\n")
    words = ["predict", table, tmp_path / "new.csv", "--out", tmp_path / "o.csv", "--keep", "none"]
    code, said, _ = run_noria(*words, "--probabilities", 1)
    assert code == 0
    assert said.endswith("; of 2 classes no probability stands in it: --probabilities 2\n")
    assert len(rows_of(tmp_path / "o.csv")[0]) == 5
    assert "--probabilities" not in run_noria(*words, "--probabilities", 2)[1]
    assert len(rows_of(tmp_path / "o.csv")[0]) == 7


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("new.csv", "id,x,y\n1\n2\n", [("", ""), ("", "")]),
        ("new.jsonl", 'broken\n{"id": 1, "x": "q", "y": 2}\n', [("", ""), ("1", "q")]),
    ],
)
@pytest.mark.parametrize("words", [["--keep", "id,x"], []])
def test_columns_are_kept_where_no_record_can_be_read(
    name: str, text: str, kept: list[Any], words: list[str], run_noria: Run, table: Path, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    code, _, err = run_noria("predict", table, tmp_path / name, "--out", tmp_path / "o.csv", *words)
    assert (code, "no record could be answered" in err) == (2, True), err
    rows = rows_of(tmp_path / "o.csv")
    assert [(row["id"], row["x"]) for row in rows] == kept
    assert all(row["error"] for row in rows)


def test_lists_are_kept_only_where_they_are_asked_for(run_noria: Run, table: Path, tmp_path: Path) -> None:
    (tmp_path / "new.jsonl").write_text('{"x": 1, "y": 2, "id": 7, "vector": [1, 2]}\n')
    words = ["predict", table, tmp_path / "new.jsonl", "--out", tmp_path / "o.csv"]
    assert run_noria(*words)[0] == 0
    assert [*rows_of(tmp_path / "o.csv")[0]][7:] == ["x", "y", "id"]
    assert run_noria(*words, "--keep", "all")[0] == 0
    assert rows_of(tmp_path / "o.csv")[0]["vector"] == "[1, 2]"


def test_inputs_of_other_columns_keep_those_of_the_first_and_the_others_are_named(
    run_noria: Run, table: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("x,y,id\n1,2,3\n")
    (tmp_path / "b.csv").write_text("y,x,name\n1,2,z\n")
    code, said, _ = run_noria("predict", table, tmp_path / "a.csv", tmp_path / "b.csv", "--out", tmp_path / "o.csv")
    assert code == 0
    assert said.endswith("; not kept, as the first input has no such column: name\n")
    assert [(row["x"], row["y"], row["id"]) for row in rows_of(tmp_path / "o.csv")] == [("1", "2", "3"), ("2", "1", "")]


def test_of_a_folder_of_files_no_whole_file_is_kept(run_noria: Run, trained: Any, tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / "new" / label).mkdir(parents=True)
        (tmp_path / "new" / label / "1.png").write_bytes(png(np.full((28, 28), 9, np.uint8)))
    run = trained("image-classification")
    assert run_noria("predict", run, tmp_path / "new", "--out", tmp_path / "o.csv")[0] == 0
    rows = rows_of(tmp_path / "o.csv")
    assert [row["label"] for row in rows] == ["a", "b"]
    assert "file" not in rows[0]


def test_lines_of_json_keep_columns_too(answers: Any, run_noria: Run, table: Path, tmp_path: Path) -> None:
    (tmp_path / "new.jsonl").write_text('{"x": 1, "y": 2, "id": 7}\n{"x": "broken", "y": 2, "id": null}\n')
    found = answers(table, tmp_path / "new.jsonl", "--keep", "id")
    assert [one["kept"] for one in found] == [{"id": 7}, {"id": None}]
    for words, said in (
        (["--keep", "ID"], "did you mean 'id'?"),
        (["--keep", "id", "--out", tmp_path / "d"], "--out to"),
    ):
        code, _, err = run_noria("predict", table, tmp_path / "new.jsonl", *words)
        assert code == 2
        assert said in err


def test_inputs_without_the_same_columns_cannot_all_be_kept(run_noria: Run, table: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,id\n1,2,3\n")
    (tmp_path / "b.csv").write_text("x,y\n1,2\n")
    words = [tmp_path / "a.csv", tmp_path / "b.csv", "--out", tmp_path / "o.csv", "--keep"]
    code, _, err = run_noria("predict", table, *words, "all")
    assert code == 2
    assert "do not have the same columns to keep" in err
    assert run_noria("predict", table, *words, "x,y")[0] == 0
    assert [row["row"] for row in rows_of(tmp_path / "o.csv")] == ["1", "2"]


@pytest.mark.parametrize("out", ["", "o.csv", "o.jsonl"])
def test_the_command_fails_where_nothing_could_be_answered(
    out: str, run_noria: Run, table: Path, tmp_path: Path
) -> None:
    path = tmp_path / "new.csv"
    path.write_text("x,y\nbroken,2\nworse,2\n")
    code, said, err = run_noria("predict", table, path, *(["--out", tmp_path / out] if out else []))
    assert code == 2
    assert "no record could be answered" in err
    assert "new.csv:2: column 'x' should hold a number: 'broken'" in err
    lines = ((tmp_path / out).read_text() if out else said).splitlines()
    assert len(lines) == (3 if out == "o.csv" else 2)
    path.write_text("x,y\nbroken,2\n1,2\n")
    assert run_noria("predict", table, path)[0] == 0


def test_a_kind_of_file_that_answers_are_not_written_as_is_refused_at_once(
    run_noria: Run, table: Path, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text("x,y\n1,2\n3,4\n")
    for name in ("a.xlsx", "a.parquet", "a.json", "drawn.v2"):
        code, _, err = run_noria("predict", table, tmp_path / "new.csv", "--out", tmp_path / name)
        assert code == 2
        assert "expected: .jsonl, .csv, a folder, or .png, .jpg, .jpeg, .webp" in err
    assert run_noria("predict", table, tmp_path / "new.csv", "--out", tmp_path / "A.CSV")[0] == 0
    assert len(rows_of(tmp_path / "A.CSV")) == 2


def test_a_text_that_looks_like_a_file_that_is_not_there_is_no_text(run_noria: Run, reviews: Path) -> None:
    code, _, err = run_noria("predict", reviews, "new-reviews.csv")
    assert code == 2
    assert "no such file" in err
