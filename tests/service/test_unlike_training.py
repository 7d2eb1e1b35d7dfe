"""An answer to a record that is unlike the training data says so."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from starlette.applications import Starlette

from noria.pipeline.drift import Drift
from noria.pipeline.predictor import MANY, load
from noria.reporter import Silent
from noria.service.app import make_app
from noria.service.request.limits import Limits
from noria.stages.train import train

LUCK = random.Random(0)
ROWS = [(LUCK.choice(["Bonn", "Oslo"]), round(LUCK.random(), 3)) for _ in range(120)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unlike")
    lines = [f"{town},{share},{'ab'[town == 'Oslo']}" for town, share in ROWS]
    (folder / "rows.csv").write_text("\n".join(["town,share,label", *lines]), "utf-8")
    job = {
        "task": "tabular-classification",
        "data": {"path": str(folder / "rows.csv")},
        "train": {"steps": 5, "batch_size": 16, "precision": "float32"},
        "evaluate": {"resamples": 100},
    }
    return train(job, run=folder / "run", reporter=Silent())


@pytest.fixture
def app(run: Path) -> Starlette:
    return make_app(load(run), Limits())


def test_a_record_like_those_of_training_has_nothing_said_about_it(ask, app) -> None:
    answer = ask(app, "POST", "/predict", json={"town": "Bonn", "share": 0.5}).json()
    assert answer.keys() == {"model", "predictions"}


def test_a_record_unlike_those_of_training_is_answered_and_it_is_said(ask, app) -> None:
    answer = ask(app, "POST", "/predict", json={"records": [{"town": "Rome", "share": None}]}).json()
    assert len(answer["predictions"]) == 1
    assert answer["unlike_training"] == [
        "share: 1 of 1 values missing",
        "town: 1 of 1 values rare or never seen in training (as 'Rome')",
    ]


def test_in_python_it_is_said_of_many_records_and_asked_for_of_few(run: Path, capsys: pytest.CaptureFixture) -> None:
    model, drift = load(run), Drift(load(run).task, load(run).states)
    model.predict([{"town": "Rome", "share": 0.5}], drift=drift)
    assert drift.sentences() == ["town: 1 of 1 values rare or never seen in training (as 'Rome')"]
    model.predict([{"town": "Rome", "share": 0.5}])
    assert capsys.readouterr().err == ""
    model.predict([{"town": "Rome", "share": 0.5}] * MANY)
    assert (
        capsys.readouterr().err
        == "unlike the training data: town: 20 of 20 values rare or never seen in training (as 'Rome')\n"
    )
