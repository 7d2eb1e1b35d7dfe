"""A table is read as it was meant, in training and ever after: what was chosen is said, what is new is said."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.errors import UserError
from noria.job import load_job
from noria.pipeline.predictor import load
from noria.pipeline.prepared import Prepared, describe, understood
from noria.reporter import Silent
from noria.stages.evaluate import evaluate
from noria.stages.predict import predict
from noria.stages.prepare import prepare
from noria.stages.train import train

LUCK = random.Random(0)


class Heard(Silent):
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def table(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def job(path: Path, task: str = "tabular-classification", **data: Any) -> dict[str, Any]:
    return {
        "task": task,
        "data": {"path": str(path), **data},
        "train": {"steps": 30, "batch_size": 32, "precision": "float32"},
        "evaluate": {"resamples": 100},
    }


def prepared(path: Path, task: str = "tabular-classification", **data: Any) -> Prepared:
    return prepare(*load_job(job(path, task, **data)))


PLANS = [(LUCK.choice([1, 2, 3]), LUCK.choice(["true", "false"]), round(LUCK.random(), 3)) for _ in range(300)]
ROWS = [(plan, member, noise, "leaves" if plan == 2 else "stays") for plan, member, noise in PLANS]
HEADER = ("plan", "member", "noise", "label")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return train(job(table(tmp_path / "plans.csv", HEADER, ROWS)), run=tmp_path / "run", reporter=Silent())


def test_the_same_values_written_otherwise_have_the_same_scores_from_every_way_in(run: Path, tmp_path: Path) -> None:
    floats = [(f"{plan}.0", member.title(), noise, label) for plan, member, noise, label in ROWS]
    same = table(tmp_path / "same.csv", HEADER, ROWS)
    other = table(tmp_path / "floats.csv", HEADER, floats)
    reporter = Heard()
    first, second = (evaluate(run, path, reporter) for path in (same, other))
    assert second["metrics"] == first["metrics"]
    assert second["unlike_training"] == []
    lines = [{"plan": plan, "member": member == "true", "noise": noise} for plan, member, noise, _ in ROWS]
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    by_file, by_lines = (list(predict(run, [path], reporter=Silent())) for path in (other, tmp_path / "lines.jsonl"))
    assert [{**one, "where": ""} for one in by_file] == [{**one, "where": ""} for one in by_lines]
    assert [one.value for one in load(run).predict(lines)] == [one["value"] for one in by_lines]


def test_what_new_data_has_that_training_never_showed_is_said(run: Path, tmp_path: Path) -> None:
    new = [
        (f"p{plan}", "" if number % 2 else member, 50, label) for number, (plan, member, _, label) in enumerate(ROWS)
    ]
    path = table(tmp_path / "new.csv", HEADER, new)
    reporter = Heard()
    expected = [
        "noise: 300 of 300 values far beyond those of training (as '50')",
        "plan: 300 of 300 values rare or never seen in training (as ",
        "member: 150 of 300 values missing",
    ]
    found = evaluate(run, path, reporter)["unlike_training"]
    assert [one[: len(start)] for one, start in zip(found, expected, strict=True)] == expected
    assert [f"unlike the training data: {one}" for one in found] == [s for s in reporter.said if s.startswith("unlike")]
    heard = Heard()
    assert len(list(predict(run, [path], reporter=heard))) == 300
    assert heard.said == [f"unlike the training data: {one}" for one in found]


def test_the_data_of_training_is_not_unlike_itself(run: Path, tmp_path: Path) -> None:
    assert evaluate(run, tmp_path / "plans.csv", Heard())["unlike_training"] == []


def test_preparation_shows_how_each_column_is_read_and_says_what_it_left_out(tmp_path: Path) -> None:
    days = [f"{i % 28 + 1:02}/03/2023" for i in range(200)]
    prices = [f"{1 + i % 37}.{i % 1000:03},5" for i in range(200)]
    words = [("NA" if i % 5 else "DE", "?" if i % 9 else i % 7, i % 2) for i in range(200)]
    rows = [(i, day, price, *more) for i, (day, price, more) in enumerate(zip(days, prices, words, strict=True))]
    data = prepared(table(tmp_path / "rows.csv", ("id", "day", "price", "country", "score", "label"), rows))
    lines = understood(data).splitlines()
    assert [line.split("  ")[0].strip() for line in lines] == [
        *("table: How each column is read", "column", "id", "day", "price", "country", "score")
    ]
    assert "%d/%m/%Y" in lines[3]
    assert "like 1.234,5" in lines[4]
    said = describe(data)
    learnt = {"platt": [[1.0, 0.0]], "history": np.zeros(9), "remark": "", "between": ";"}
    assert "  answer: between ;" in describe(replace(data, states={**data.states, "target": learnt})).splitlines()
    assert (
        "left out: column 'id', as it names each record by a number; to keep it: 'inputs.table.kinds={id: number}'"
        in said
    )
    assert "column 'country': 'NA' (" in said
    assert "cells read as missing: score: '?' " in said


def test_the_advice_on_a_column_left_out_works(tmp_path: Path) -> None:
    path = table(tmp_path / "rows.csv", ("id", "x", "label"), [(i, i % 7 + 0.5, i % 2) for i in range(100)])
    task = load_job(job(path) | {"inputs": {"table": {"kinds": {"id": "number"}}}})
    assert prepare(*task).states["inputs"]["table"]["kinds"] == {"id": "number", "x": "number"}


def test_a_number_that_is_asked_for_is_read_as_people_write_it_and_answered_in_its_unit(tmp_path: Path) -> None:
    rows = [(i * 7 % 197 / 8, f"{1000 + i % 37}".replace("1", "1.", 1) + ",50") for i in range(200)]
    data = prepared(table(tmp_path / "rows.csv", ("x", "number"), rows), "tabular-regression")
    state = data.states["target"]
    assert state["mean"] == pytest.approx(1018.5, abs=2)
    assert data.report["quarantined"] == 0


@pytest.mark.parametrize("words", [("0", "1", "?"), ("true", "False", "NA")])
def test_labels_are_missing_by_the_rule_of_features_and_counted_by_spelling(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    rows = [(i * 7 % 197 / 8, words[2] if i % 25 == 0 else words[i % 2]) for i in range(200)]
    data = prepared(table(tmp_path / "rows.csv", ("x", "label"), rows), max_bad=0.1)
    assert len(data.states["target"]["classes"]) == 2
    assert data.report["reasons"] == {"the label is missing": 8}
    assert any(note.startswith(f"label: labels read as missing: {words[2]!r}") for note in data.report["notes"])


def test_a_label_that_could_mean_missing_among_words_is_a_class_and_told(tmp_path: Path) -> None:
    rows = [(i * 7 % 197 / 8, ("NA", "DE", "FR")[i % 3]) for i in range(200)]
    data = prepared(table(tmp_path / "rows.csv", ("x", "label"), rows))
    assert "label: the label 'NA' is a class of its own, not a missing one" in data.report["notes"]


def test_names_that_look_the_same_are_the_same_in_the_job_and_in_the_data(tmp_path: Path) -> None:
    rows = [(i * 7 % 197 / 8, ("Zu\u0308rich", "Z\u00fcrich", "Bern")[i % 3]) for i in range(200)]
    path = table(tmp_path / "rows.csv", ("Gro\u0308\u00dfe", "Stadt\u0308"), rows)
    asked = job(path, fields={"label": "Stadt\u0308", "table": ["Gr\u00f6\u00dfe"]})
    data = prepare(*load_job(asked | {"inputs": {"table": {"kinds": {"Gro\u0308\u00dfe": "number"}}}}))
    assert data.states["target"]["classes"] == ["Bern", "Z\u00fcrich"]


@pytest.fixture
def with_ids(tmp_path: Path) -> Path:
    rows = [(i, noise, "", label) for i, (_, _, noise, label) in enumerate(ROWS)]
    path = table(tmp_path / "ids.csv", ("customer_id", "noise", "empty", "label"), rows)
    return train(job(path), run=tmp_path / "run", reporter=Silent())


def test_columns_that_were_left_out_may_be_missing_and_may_be_there(with_ids: Path, tmp_path: Path) -> None:
    model = load(with_ids)
    alone, whole = model.predict([{"noise": 0.5}, {"noise": 0.5, "customer_id": 7, "empty": "x"}])
    assert alone == whole
    without = table(tmp_path / "without.csv", ("noise",), [(0.5,)])
    assert [one["value"] for one in predict(with_ids, [without], reporter=Silent())] == [alone.value]
    with pytest.raises(UserError, match="the field 'noise' is missing"):
        model.predict([{"customer_id": 7}])


def test_the_advice_on_an_answer_that_is_not_there_works(tmp_path: Path) -> None:
    path = table(tmp_path / "plans.csv", HEADER, ROWS)
    with pytest.raises(UserError, match=r"data\.fields\.label=COLUMN"):
        prepare(*load_job(path, ["label=lable"]))
    assert prepare(*load_job(path, ["data.fields.label=label"])).report["quarantined"] == 0


def test_an_empty_text_is_no_folder(run: Path) -> None:
    with pytest.raises(UserError, match="an empty text is no path"):
        load(run).predict("")


def test_whole_numbers_beside_decimal_commas_are_read_as_programs_write_them_too(tmp_path: Path) -> None:
    rows = [(20 + i % 37, f"{i % 50},5", "ab"[i % 2]) for i in range(200)]
    made = train(
        job(table(tmp_path / "eu.csv", ("age", "price", "label"), rows)), run=tmp_path / "eu", reporter=Silent()
    )
    answers = load(made).predict([{"age": age, "price": price} for age in ("30", "30.0", 30) for price in ("1,5", 1.5)])
    assert all(answer == answers[0] for answer in answers)
