"""`noria prepare --splits`: what one person divided another divides the same, whatever the data is."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import noria as package
from noria.errors import UserError
from noria.reporter import Silent
from tiny_data import tiny_job

TASKS = ("tabular-classification", "image-classification", "text-generation", "object-detection", "chat")


class Heard(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def given(path: Path) -> list[str]:
    return [f"data.split.file={path}", "data.split.column=split"]


@pytest.mark.parametrize("task", TASKS)
def test_a_division_that_was_written_and_given_back_is_the_same(task: str, tmp_path: Path) -> None:
    job, path = tiny_job(task, tmp_path, count=60), tmp_path / "s.csv"
    heard = Heard()
    first = package.prepare(job, ["data.split.seed=3", "data.split.test=0.3"], splits=path, reporter=heard)
    assert all(one in heard.said[-1] for one in given(path))
    rows = rows_of(path)
    assert {row["split"] for row in rows} <= {"train", "validation", "test"}
    assert [row["where"] for row in rows if row["split"] == "test"] == list(dict.fromkeys(first.places()["test"]))
    settings = heard.said[-1].partition(": data.split.file")[2].split()[1:]
    again = package.prepare(job, [*given(path), *settings], reporter=Silent())
    assert again.places() == first.places()
    assert again.report["records"] == first.report["records"]
    assert not any("s.csv" in note for note in again.report["notes"])
    assert package.prepare(job, reporter=Silent()).places() != first.places()


def test_a_division_without_a_split_says_so_in_the_settings(tmp_path: Path) -> None:
    job, heard = tiny_job("tabular-classification", tmp_path, count=60), Heard()
    words = ["data.split.validation=0"]
    first = package.prepare(job, words, splits=tmp_path / "s.csv", reporter=heard)
    assert heard.said[-1].endswith(" data.split.column=split data.split.validation=0")
    again = package.prepare(job, [*given(tmp_path / "s.csv"), *words], reporter=Silent())
    assert again.places() == first.places()


def test_a_frame_is_divided_by_a_table_too(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    frame = pandas.DataFrame({"a": [i * 7 % 11 for i in range(60)], "left": ["yes", "no"] * 30})
    pandas.DataFrame(
        {"where": [f"frame:{i}" for i in range(60)], "part": ["test" if i < 20 else "train" for i in range(60)]}
    ).to_csv(tmp_path / "s.csv", index=False)
    words = ["label=left", f"data.split.file={tmp_path / 's.csv'}", "data.split.column=part"]
    prepared = package.prepare(frame, words, reporter=Silent())
    assert prepared.places()["test"] == [f"frame:{i}" for i in range(20)]
    assert prepared.report["fields"] == {"table": ["a"], "label": "left"}


def test_records_and_places_that_do_not_meet_are_noted(tmp_path: Path) -> None:
    job, path = tiny_job("tabular-classification", tmp_path, count=60), tmp_path / "s.csv"
    package.prepare(job, splits=path, reporter=Silent())
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-3], "other.csv:7,test"]) + "\n")
    notes = package.prepare(job, given(path), reporter=Silent()).report["notes"]
    assert any(note.startswith(f"3 records do not stand in {path}") for note in notes)
    assert any(note.startswith(f"1 places in {path} are of no record") for note in notes)


def test_a_table_that_changed_divides_anew(tmp_path: Path) -> None:
    job, path = tiny_job("tabular-classification", tmp_path, count=60), tmp_path / "s.csv"
    first = package.prepare(job, splits=path, reporter=Silent()).places()
    assert package.prepare(job, given(path), reporter=Silent()).places() == first
    moved = first["train"][0]
    path.write_text(path.read_text().replace(f"{moved},train", f"{moved},test"))
    assert moved in package.prepare(job, given(path), reporter=Silent()).places()["test"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("where,split\nother.csv:2,test\n", "no record of the data stands in this table"),
        ("place,split\nrecords.csv:2,test\n", "has no column 'where'"),
        ("where,part\nrecords.csv:2,test\n", "has no column 'split'"),
        ("where,split\nrecords.csv:2,test\nrecords.csv:2,train\n", "this record stands in two splits"),
        ("where,split\nrecords.csv:2,exam\n", "unknown split"),
    ],
)
def test_a_table_that_cannot_be_followed_is_an_error(text: str, said: str, tmp_path: Path) -> None:
    job, path = tiny_job("tabular-classification", tmp_path, count=30), tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        package.prepare(job, given(path), reporter=Silent())


def test_the_column_of_the_table_is_no_column_of_the_data_and_is_named(tmp_path: Path) -> None:
    job, path = tiny_job("tabular-classification", tmp_path, count=30), tmp_path / "s.csv"
    path.write_text("where,label\nrecords.csv:2,test\n")
    with pytest.raises(UserError, match="has a column 'label' of its own"):
        package.prepare(job, [f"data.split.file={path}", "data.split.column=label"], reporter=Silent())
    with pytest.raises(UserError, match="file beside column"):
        package.prepare(job, [f"data.split.file={path}"], reporter=Silent())
    with pytest.raises(UserError, match="splits are written as a table"):
        package.prepare(job, splits=tmp_path / "s.txt", reporter=Silent())


def test_a_model_of_such_a_division_answers_and_scores_other_data(
    noria: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    job: dict[str, Any] = tiny_job("tabular-classification", tmp_path, count=60)
    path = tmp_path / "s.csv"
    package.prepare(job, splits=path, reporter=Silent())
    run = package.train(job, given(path), tmp_path / "run", reporter=Silent())
    assert str(path) not in (run / "bundle" / "config.json").read_text("utf-8")
    path.unlink()
    assert noria("predict", run, job["data"]["path"])[0] == 0
    assert noria("evaluate", run, "--data", job["data"]["path"])[0] == 0


def test_the_command_says_how_to_divide_the_same_again(
    noria: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("x,left\n" + "".join(f"{i * 7 % 11},{'yn'[i % 2]}\n" for i in range(60)))
    code, _, err = noria("prepare", "t.csv", "label=left", "--splits", "s.csv")
    assert code == 0
    assert "to divide the same again: data.split.file=s.csv data.split.column=split" in err
    assert noria("prepare", "t.csv", "label=left", "data.split.file=s.csv", "data.split.column=split")[0] == 0


@pytest.mark.parametrize("option", ["--splits", "--page"])
def test_what_is_written_never_replaces_the_data(
    option: str, noria: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,label\n" + "".join(f"{i}.5,{i % 2}\n" for i in range(60)), "utf-8")
    before = Path("t.csv").read_bytes()
    code, _, err = noria("prepare", "t.csv", "label=label", option, tmp_path / "t.csv")
    assert code == 2
    assert "this would replace the data itself" in err
    assert Path("t.csv").read_bytes() == before
    Path("data").mkdir()
    Path("data/train.csv").write_bytes(before)
    code, _, err = noria("prepare", "data", "label=label", "task=tabular-classification", option, "data/train.csv")
    assert code == 2
    assert "this would replace the data itself" in err
    assert Path("data/train.csv").read_bytes() == before
