"""A job that says what its answers are worth: chosen on validation, and the same answer wherever the model is used."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import noria
from noria.errors import UserError
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.evaluate import evaluate
from noria.stages.predict import predict_to
from noria.stages.prepared_again import prepared_again
from noria.stages.summary import summary
from noria.stages.train import train

VALUE = {"currency": "EUR", "labels": {"low": {"wrong": -1}, "high": {"correct": 4}}, "abstain": 0.5}


def table(path: Path, count: int = 300) -> Path:
    """Write records whose label one column tells with noise: some of them are doubtful."""
    generator = np.random.default_rng(0)
    x = generator.normal(0, 1, count)
    is_high = x + generator.normal(0, 1, count) > 0.5
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = [
            [round(float(a), 3), round(float(a) / 2, 2), "high" if b else "low"]
            for a, b in zip(x, is_high, strict=True)
        ]
        csv.writer(file).writerows([["x", "y", "label"], *rows])
    return path


def job_of(folder: Path, value: dict[str, Any], task: str = "tabular-classification") -> dict[str, Any]:
    return {
        "task": task,
        "data": {"path": str(table(folder / "a.csv")), "split": {"validation": 0.3, "test": 0.3}},
        "model": {"width": 16, "heads": 2, "depth": 0},
        "train": {"steps": 20, "batch_size": 16, "precision": "float32"},
        "evaluate": {"resamples": 200},
        "value": value,
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("value")
    return train(job_of(folder, VALUE), run=folder / "run", reporter=Silent())


def test_the_value_is_a_score_with_interval_baseline_and_rivals(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    score, baseline = metrics["metrics"]["value_per_1000"], metrics["baseline"]["value_per_1000"]
    assert score["unit"] == "EUR"
    assert score["low"] < score["value"] < score["high"]
    assert score["value"] > baseline["value"]
    assert all("value_per_1000" in one["difference"] for one in metrics["rivals"]["models"])
    assert "Value by threshold" in [one["title"] for one in metrics["panels"]]
    assert metrics["value"]["decision"] in summary(metrics)
    assert metrics["value"]["decision"].replace("'", "&#39;") in (run / "report.html").read_text("utf-8").replace(
        "&#x27;", "&#39;"
    )


def test_what_is_answered_is_worth_what_the_score_says(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    model = load(run)
    test = prepared_again(run, Silent())[2].splits["test"]
    truth = model.task.target.decode_target(dict(test.target), model.states["target"])
    given = [one.value for one in model.decoded(test)]
    by_hand = [
        4 * (b == "high") if a == b else 0.5 if a is None else -(b == "low") for a, b in zip(given, truth, strict=True)
    ]
    assert metrics["metrics"]["value_per_1000"]["value"] == pytest.approx(1000 * np.mean(by_hand), abs=0.01)
    assert given.count(None) / len(given) == pytest.approx(metrics["value"]["abstained"])


def test_an_answer_that_is_not_given_says_so_in_every_form(run: Path, tmp_path: Path) -> None:
    answers = noria.predict(run, [{"x": x / 10, "y": x / 20} for x in range(-30, 30)])
    none = [one for one in answers if one.value is None]
    assert none
    assert all(one.as_json()["abstained"] and one.as_json()["value"] is None and not one.reason for one in none)
    assert all(one.details["abstained"] is (one.value is None) for one in answers)
    assert all(isinstance(one.details["expected_value"], float) for one in answers)
    predict_to(run, [str(table(tmp_path / "b.csv", 60))], tmp_path / "out.csv")
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text("utf-8").splitlines()))
    assert {"abstained", "expected_value"} <= rows[0].keys()
    assert all((row["abstained"] == "True") == (row["value"] == "") for row in rows)


def test_a_table_of_answers_in_python_has_what_they_are_worth_too(run: Path) -> None:
    columns = noria.predict(run, [{"x": x, "y": x / 2} for x in (-3, 0.5, 3)]).columns()
    assert columns["abstained"] == [one is None for one in columns["value"]]
    assert len(columns["expected_value"]) == 3


def test_feedback_turns_an_answer_into_what_it_was_worth(run: Path) -> None:
    worth = load(run).worth
    assert worth is not None
    each, bad = worth.realised(["high", "low", "high", None, "low"], [" high", "low", "low", "high", "what?"])
    assert each == [4_000_000, 0, -1_000_000, 500_000, 0]
    assert list(bad) == [4]


def test_scoring_again_decides_as_training_did(run: Path) -> None:
    before = json.loads((run / "metrics.json").read_text("utf-8"))
    again = evaluate(run, reporter=Silent())
    assert again["metrics"]["value_per_1000"] == before["metrics"]["value_per_1000"]
    assert again["value"] == before["value"]


def test_a_class_that_training_does_not_have_is_refused_before_the_first_step(tmp_path: Path) -> None:
    job = job_of(tmp_path, {"labels": {"hihg": {"correct": 1}}})
    with pytest.raises(UserError, match=r"'hihg'") as caught:
        train(job, run=tmp_path / "run", reporter=Silent())
    assert "high" in str(caught.value)
    assert not (tmp_path / "run" / "plan.json").exists()


def test_a_number_has_a_value_too(tmp_path: Path) -> None:
    job = job_of(tmp_path, {"per_unit": -2, "correct": 1, "tolerance": 0.1}, "tabular-regression")
    job["data"]["fields"] = {"number": "y", "table": ["x"]}
    run = train(job, run=tmp_path / "run", reporter=Silent())
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert metrics["metrics"]["value_per_1000"]["value"] > metrics["baseline"]["value_per_1000"]["value"]
    assert noria.predict(run, [{"x": 0.5}])[0].details["expected_value"] <= 1


def test_without_a_value_nothing_is_said_of_one(tmp_path: Path) -> None:
    job = job_of(tmp_path, VALUE)
    del job["value"]
    run = train(job, run=tmp_path / "run", reporter=Silent())
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert "value" not in metrics
    assert "value_per_1000" not in metrics["metrics"]
    assert "expected_value" not in noria.predict(run, [{"x": 0.5, "y": 0.2}])[0].details
