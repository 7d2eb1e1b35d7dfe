"""Answers of learners from end to end: trained, scored, asked, and a profile of what is not mastered."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.errors import UserError
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.train import train
from noria.store.run_folder import read_json
from noria.targets.correctness.example import EXERCISES, example_learners

LEARNERS, PIECE = 120, 6


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("learners")
    return train(job(table(folder / "answers.csv")), run=folder / "run", reporter=Silent())


def test_each_event_is_scored_and_a_logistic_line_stands_beside(run: Path):
    metrics = read_json(run / "metrics.json")

    assert metrics["metrics"]["auc"]["value"] > 0.55
    assert metrics["baseline"]["auc"]["value"] == 0.5
    assert [one["name"] for one in metrics["rivals"]["models"]] == ["logistic line"]


def test_long_histories_are_read_in_pieces_and_nothing_is_lost(run: Path):
    report = read_json(run / "prepare.json")["report"]

    pieces = sum(-(-len(one.fields["history"]) // PIECE) for one in example_learners(LEARNERS, 0))
    assert sum(report["records"].values()) == pieces > LEARNERS


def test_a_question_gets_a_probability_and_the_profile_begins_with_what_is_mastered_least(run: Path):
    history = [{"item": "area", "rating": 1}, {"item": "area", "rating": 1}, {"item": "volume"}]

    answer = load(run).predict([{"history": history}])[0]

    assert len(answer.value) == len(history)
    chances = [one["right"] for one in answer.details["profile"]]
    assert chances == sorted(chances)
    assert {one["item"] for one in answer.details["profile"]} == set(EXERCISES)


def test_what_a_question_is_answered_with_does_not_change_what_was_foretold_of_it(run: Path):
    history = [{"item": "area", "rating": 1}, {"item": "volume", "rating": 0}]

    first, second = (
        load(run).predict([{"history": [history[0], {**history[1], "rating": rating}]}])[0].value for rating in (0, 1)
    )

    assert first == second


def test_somebody_new_has_a_profile_too(run: Path):
    answer = load(run).predict([{"history": []}])[0]

    assert answer.value == []
    assert len(answer.details["profile"]) == len(EXERCISES)


def test_what_one_learner_did_is_not_divided(tmp_path: Path):
    asked = job(table(tmp_path / "answers.csv"))
    asked["data"]["split"] = {"within": "last"}

    with pytest.raises(UserError, match="divides learners"):
        train(asked, run=tmp_path / "run", reporter=Silent())


def job(path: Path) -> dict:
    return {
        "task": "knowledge-tracing",
        "data": {"path": str(path)},
        "inputs": {"history": {"max_items": PIECE}},
        "model": {"width": 16, "depth": 1, "heads": 2},
        "train": {"steps": 60, "batch_size": 16, "precision": "float32", "validations": 2, "learning_rate": 0.01},
        "evaluate": {"resamples": 100},
    }


def table(path: Path) -> Path:
    rows = ["student_id,skill,correct"]
    for place, record in enumerate(example_learners(LEARNERS, 0)):
        rows += [f"s{place},{one['item']},{one['rating']}" for one in record.fields["history"]]
    path.write_text("\n".join(rows) + "\n")
    return path
