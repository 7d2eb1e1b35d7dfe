"""Scoring again, and scoring other data: the same numbers, by slices too, and nothing left out without a word."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noria.errors import UserError
from noria.metrics.shares import wilson
from noria.reporter import Silent
from noria.stages.evaluate import evaluate
from noria.stages.summary import summary
from noria.stages.train import train

Noria = Callable[..., tuple[int, str, str]]


class Heard(Silent):
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def table(path: Path, count: int, start: int = 0) -> Path:
    """Write records of two columns, a label that the first tells, and the town they come from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "y", "town", "label"])
        for i in range(start, start + count):
            writer.writerow(
                [i * 7 % 41 / 8, i % 5 / 3, ("Ulm", "Bonn")[i * 7 % 3 == 0], "high" if i * 7 % 41 > 20 else "low"]
            )
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    job = {
        "task": "tabular-classification",
        "data": {"path": str(table(tmp_path / "data" / "a.csv", 120)), "fields": {"table": ["x", "y"]}},
        "model": {"width": 16, "heads": 2, "depth": 0},
        "train": {"steps": 10, "batch_size": 16, "precision": "float32"},
        "evaluate": {"resamples": 200, "slices": ["town"]},
    }
    return train(job, run=tmp_path / "run", reporter=Silent())


def scores(metrics: dict[str, Any]) -> dict[str, Any]:
    return {key: metrics[key] for key in ("split", "n", "metrics", "baseline", "slices", "panels")}


def test_scoring_a_run_again_gives_what_its_training_wrote(run: Path) -> None:
    path = run / "metrics.json"
    first = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**first, "metrics": {}, "slices": {}}), "utf-8")  # what is stored is not what is said
    again = evaluate(run, reporter=Silent())
    assert scores(again) == scores(first)
    assert json.loads(path.read_text("utf-8")) == again
    assert again["seconds"]["train"] == first["seconds"]["train"]
    assert again["memory_bytes"] == first["memory_bytes"]
    path.unlink()
    assert scores(evaluate(run, reporter=Silent())) == scores(first)


def test_scoring_again_without_the_data_says_what_to_do(run: Path, noria: Noria) -> None:
    shutil.rmtree(run.parent / "data")
    before = (run / "metrics.json").read_bytes()
    code, _, said = noria("evaluate", run)
    assert code == 2
    assert "the data of this run cannot be prepared again" in said
    assert str(run.parent / "data") in said
    assert "--data PATH" in said
    assert (run / "metrics.json").read_bytes() == before


def test_scoring_again_on_data_that_has_changed_is_refused(run: Path) -> None:
    table(run.parent / "data" / "a.csv", 120, start=7)
    with pytest.raises(UserError, match="the data is not what this run was trained with") as caught:
        evaluate(run, reporter=Silent())
    assert "--data PATH" in caught.value.fix


def test_a_bundle_alone_asks_for_data(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "bundle", tmp_path / "shipped")
    with pytest.raises(UserError, match="a bundle alone has no test split"):
        evaluate(tmp_path / "shipped", reporter=Silent())


def test_a_run_that_is_not_there_is_not_called_a_bundle(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such run") as caught:
        evaluate(run.with_name("rum"), reporter=Silent())
    assert f"did you mean '{run}'?" in caught.value.fix
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="neither a run nor a bundle"):
        evaluate(tmp_path / "empty", reporter=Silent())


def test_records_that_were_trained_on_are_counted(run: Path, tmp_path: Path) -> None:
    trained = json.loads((run / "prepare.json").read_text("utf-8"))["report"]["records"]["train"]
    again = evaluate(run, run.parent / "data" / "a.csv", reporter=Silent())
    assert again["trained_on"] >= trained
    said = f"{again['trained_on']} of 120 records of a.csv are the same as training records"
    assert again["remarks"][0].startswith(said)
    path = table(tmp_path / "new" / "b.csv", 41)
    path.write_text("\n".join([path.read_text("utf-8").splitlines()[0], *["99.5,7,Ulm,low"] * 15]), "utf-8")
    new = evaluate(run, path, reporter=Silent())
    assert new["trained_on"] == 0
    assert not any("same as training" in remark for remark in new["remarks"])
    assert evaluate(run / "bundle", path, reporter=Silent())["trained_on"] is None  # a bundle alone does not know


def test_unusable_records_of_a_split_that_is_not_scored_are_not_counted(run: Path, tmp_path: Path) -> None:
    for split, count in {"train": 30, "test": 12}.items():
        table(tmp_path / "new" / f"{split}.csv", count, start=500)
    with (tmp_path / "new" / "train.csv").open("a") as file:
        file.write("1,2\nmuch,1,Ulm,low\n")
    heard = Heard()
    assert evaluate(run, tmp_path / "new", reporter=heard)["quarantined"] == 0
    assert heard.said == ["not scored: 31 records of train"]


def test_a_test_split_of_one_class_says_so_instead_of_a_perfect_score(run: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "new" / "b.csv", 60, start=500)
    header, *lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([header, *[line for line in lines if line.endswith("low")]]), "utf-8")
    found = evaluate(run, path, reporter=Silent())
    assert any("every record of b.csv has the answer 'low'" in remark for remark in found["remarks"])
    assert (found["metrics"]["accuracy"]["low"], found["metrics"]["accuracy"]["note"]) == (
        None,
        "every answer is 'low': no interval",
    )
    said = summary(found)
    assert "look: every record of b.csv has the answer 'low'" in said
    assert "(every answer is 'low': no interval)" in said


def test_scores_of_a_handful_of_records_have_no_interval(run: Path, tmp_path: Path) -> None:
    found = evaluate(run, table(tmp_path / "new" / "b.csv", 7, start=500), reporter=Silent())
    assert found["metrics"]["accuracy"]["low"] is None
    assert "(n = 7: too few for an interval)" in summary(found)


@pytest.mark.parametrize(
    ("direction", "low", "high", "is_told"),
    [("higher", 0.4, 0.7, True), ("higher", 0.6, 0.8, False), ("lower", 0.6, 0.8, False), ("lower", 0.2, 0.5, True)],
)
def test_an_interval_that_includes_the_baseline_is_told_beside_the_scores(direction, low, high, is_told) -> None:
    one = {"value": 0.6, "low": low, "high": high, "unit": "fraction", "direction": direction}
    scores = {"split": "test", "n": 30, "metrics": {"loss_of_all": one}, "baseline": {"loss_of_all": {"value": 0.5}}}
    told = "the interval of loss of all includes the baseline: nothing shows that the model has learnt"
    assert (told in summary(scores)) == is_told


def test_records_of_one_group_are_drawn_together(tmp_path: Path) -> None:
    """Each record stands there five times, as one customer: that is no more evidence than one of each."""
    path = table(tmp_path / "data" / "a.csv", 200)
    header, *lines = path.read_text("utf-8").splitlines()
    rows = [f"{line},{number}" for number, line in enumerate(lines) for _ in range(5)]
    path.write_text("\n".join([f"{header},customer", *rows]), "utf-8")
    job = {
        "task": "tabular-classification",
        "data": {"path": str(path), "fields": {"table": ["x", "y"]}, "split": {"group": "customer", "test": 0.3}},
        "model": {"width": 16, "heads": 2, "depth": 0},
        "train": {"steps": 3, "batch_size": 16, "precision": "float32"},
        "evaluate": {"resamples": 200},
    }
    run = train(job, run=tmp_path / "run", reporter=Silent())
    found = json.loads((run / "metrics.json").read_text("utf-8"))
    assert found["groups"] * 5 == found["n"]
    one = found["metrics"]["accuracy"]
    assert (one["low"], one["high"]) == pytest.approx(wilson(one["value"], found["groups"]), abs=0.02)
    assert f"{found['n']} records in {found['groups']} groups" in (run / "bundle" / "README.md").read_text("utf-8")
    again = evaluate(run, path, reporter=Silent())
    assert (again["n"], again["groups"]) == (1000, 200)


def test_other_data_is_scored_by_the_slices_of_the_job(run: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "new" / "b.csv", 50, start=500)
    with path.open(encoding="utf-8") as file:
        towns = [row["town"] for row in csv.DictReader(file)]
    found = evaluate(run, path, reporter=Silent())
    assert {name: one["n"] for name, one in found["slices"]["town"].items()} == {
        town: towns.count(town) for town in ("Ulm", "Bonn")
    }
    assert min(one["n"] for one in found["slices"]["town"].values()) > 0


def test_other_data_without_the_column_of_a_slice_is_scored_and_it_is_said(run: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "new" / "b.csv", 20, start=500)
    path.write_text(path.read_text("utf-8").replace("town", "city", 1), "utf-8")
    heard = Heard()
    assert "slices" not in evaluate(run, path, reporter=heard)
    assert heard.said == ["not scored by town: the data has no such column"]


def test_what_a_divided_source_leaves_out_is_said_with_its_count(run: Path, tmp_path: Path) -> None:
    for split, count in {"train": 30, "validation": 6, "test": 12}.items():
        table(tmp_path / "new" / f"{split}.csv", count, start=500)
    heard = Heard()
    found = evaluate(run, tmp_path / "new", reporter=heard)
    assert found["n"] == 12
    assert found["left_out"] == {"train": 30, "validation": 6}
    assert heard.said == ["not scored: 30 records of train", "not scored: 6 records of validation"]


def test_files_that_are_not_read_are_said(run: Path, tmp_path: Path) -> None:
    table(tmp_path / "new" / "test.csv", 12, start=500)
    (tmp_path / "new" / "about.md").write_text("where the records come from")
    heard = Heard()
    assert evaluate(run, tmp_path / "new", reporter=heard)["n"] == 12
    assert heard.said == ["not read, beside the tables: about.md"]


def test_records_that_cannot_be_scored_are_named_and_the_rest_of_them_counted(run: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "new" / "b.csv", 20, start=500)
    lines = path.read_text("utf-8").splitlines()
    lines[3:11] = [f"much,{line.split(',', 1)[1]}" for line in lines[3:11]]
    path.write_text("\n".join(lines), "utf-8")
    heard = Heard()
    found = evaluate(run, path, reporter=heard)
    assert (found["n"], found["quarantined"]) == (12, 8)
    assert [one.split(":")[2] for one in heard.said[:5]] == [str(line) for line in range(4, 9)]
    assert heard.said[5:] == ["not scored: 3 more records that cannot be used"]
