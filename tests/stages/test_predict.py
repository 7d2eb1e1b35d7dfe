"""Answers to files: one line a record, nothing dropped, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.errors import UserError
from noria.pipeline.predictor import load
from noria.pipeline.sinks import write_answers
from noria.reporter import Silent
from noria.stages.predict import predict, predict_to
from tiny_data import png, tiny_file

PICTURE = png(np.full((28, 28), 9, np.uint8))


def test_a_picture_is_one_record_and_a_bad_one_has_its_reason(trained: Callable[[str], Path], tmp_path: Path) -> None:
    run = trained("image-classification")
    (tmp_path / "a.png").write_bytes(PICTURE)
    (tmp_path / "b.png").write_bytes(b"no picture")
    good, bad = predict(run, [tmp_path / "a.png", tmp_path / "b.png"])
    assert good["where"] == str(tmp_path / "a.png")
    assert good["value"] in load(run).states["target"]["classes"]
    assert bad.keys() == {"where", "error"}
    assert "not a picture" in bad["error"]


def test_a_table_gives_a_line_a_record_bad_ones_included(trained: Callable[[str], Path], tmp_path: Path) -> None:
    path = tiny_file(load(trained("tabular-classification")).task, tmp_path, count=6, seed=5)
    lines = path.read_text("utf-8").splitlines()
    lines[3] = "much," + lines[3].split(",", 1)[1]
    path.write_text("\n".join(lines), "utf-8")
    answers = list(predict(trained("tabular-classification"), [path]))
    assert {one["where"] for one in answers} == {f"records.csv:{line}" for line in range(2, 8)}
    assert [one["where"] for one in answers if "error" in one] == ["records.csv:4"]


def test_a_path_that_is_not_there_is_named(trained: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file") as caught:
        list(predict(trained("image-classification"), [tmp_path / "gone.png"]))
    assert caught.value.where.endswith("gone.png")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(start: str, tmp_path: Path) -> None:
    given = {"where": f"{start}cmd|' /C calc'!A0", "value": f"{start}1+1", "error": f"{start}x"}
    assert write_answers(iter([given, {"where": "b", "value": 1}]), tmp_path / "a.csv") == (
        f"wrote 1 answers to {tmp_path / 'a.csv'}; 1 could not be answered: their lines say why"
    )
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        header, row, _ = csv.reader(file)
    assert header == ["row", "where", "value", "confidence", "error"]
    assert [cell[:2] for cell in (row[1], row[2], row[4])] == [f"'{start}"] * 3
    assert row[3] == ""


def test_a_negative_number_stays_a_number(tmp_path: Path) -> None:
    write_answers(iter([{"where": "a", "value": -3.5, "confidence": 0.0}]), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text("utf-8").splitlines()[1] == "1,a,-3.5,0.0,"


@pytest.mark.parametrize("name", ["-1", "+1", "-1.5e-3", "+,5", "-1,000.50", "- 1", "-1+1", "-", "-a", "=1", "+1%"])
def test_a_class_that_is_a_number_is_written_as_it_is_and_a_formula_is_not(name: str, tmp_path: Path) -> None:
    is_number = name in ("-1", "+1", "-1.5e-3", "+,5", "-1,000.50", "+1%")
    write_answers([{"where": "a", "value": name}], tmp_path / "a.csv", ["-1"])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["value"] == (name if is_number else f"'{name}")
    assert row["probability_-1"] == ""


def test_json_lines_keep_everything_and_every_script(tmp_path: Path) -> None:
    given = [{"where": "一", "value": "=1", "details": {"probabilities": {"七": 0.5}}}, {"where": "b", "error": "é"}]
    write_answers(iter(given), tmp_path / "a.jsonl")
    text = (tmp_path / "a.jsonl").read_text("utf-8")
    assert [json.loads(line) for line in text.splitlines()] == given
    assert "七" in text


def test_another_kind_of_file_is_refused_before_anything_is_answered(tmp_path: Path) -> None:
    def never() -> Iterator[dict[str, Any]]:
        pytest.fail("answered")
        yield {}

    with pytest.raises(UserError, match="cannot write answers of this kind"):
        write_answers(never(), tmp_path / "a.xlsx")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_answers_that_break_off_leave_the_old_file_and_nothing_beside_it(name: str, tmp_path: Path) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield {"where": "a", "value": 1}
        raise UserError("there is no such file or folder")

    (tmp_path / name).write_text("old")
    with pytest.raises(UserError):
        write_answers(broken(), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"


@pytest.mark.parametrize("out", ["", "a.jsonl", "a.csv", "drawn"])
def test_a_folder_that_is_divided_is_answered_whole(
    out: str, trained: Callable[[str], Path], tmp_path: Path, noria: Callable[..., tuple[int, str, str]]
) -> None:
    run = trained("object-detection")
    for number, split in enumerate(["train", "train", "train", "test"]):
        (tmp_path / "in" / split).mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / split / f"{number}.png").write_bytes(png(np.full((32, 32), 9 * number, np.uint8)))
    (tmp_path / "in" / "train" / "notes.md").write_text("of the photographer")
    expected = ["in/test/3.png", *(f"in/train/{number}.png" for number in range(3))]
    code, said, told = noria("predict", run, tmp_path / "in", *(["--out", tmp_path / out] if out else []))
    assert code == 0
    if out == "a.csv":
        with (tmp_path / out).open(encoding="utf-8", newline="") as file:
            found = [row["where"] for row in csv.DictReader(file)]
    else:
        text = said if not out else (tmp_path / out / "answers.jsonl" if out == "drawn" else tmp_path / out).read_text()
        found = [json.loads(line)["where"] for line in text.splitlines()]
    assert sorted(found) == expected
    assert "not read, as they stand beside the data: train/notes.md" in told


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_rows_that_cannot_be_answered_keep_their_place_with_the_reason_beside_it(
    name: str, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    run = trained("tabular-classification")
    path = tiny_file(load(run).task, tmp_path, count=6, seed=5)
    lines = path.read_text("utf-8").splitlines()
    lines[2] = "much," + lines[2].split(",", 1)[1]
    lines[4] += ",one more"
    path.write_text("\n".join(lines), "utf-8")
    said = predict_to(run, [path], tmp_path / name, reporter=Silent())
    assert said == f"wrote 4 answers to {tmp_path / name}; 2 could not be answered: their lines say why"
    with (tmp_path / name).open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file)) if name == "a.csv" else list(map(json.loads, file))
    assert [row["where"] for row in rows] == [f"records.csv:{line}" for line in range(2, 8)]
    assert [line for line, row in enumerate(rows, 2) if row.get("error")] == [3, 5]
    assert [line for line, row in enumerate(rows, 2) if row.get("value") not in (None, "")] == [2, 4, 6, 7]
