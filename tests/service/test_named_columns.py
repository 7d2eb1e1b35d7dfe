"""A record may name its fields as the columns of the training data were called, as everywhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

import noria
from noria.reporter import Silent
from noria.service.app import make_app
from tiny_data import reviews_job


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Starlette:
    """A server of a model that learnt the field `text` from the column `review`."""
    folder: Path = tmp_path_factory.mktemp("reviews")
    rows = [f"{'good' if i % 2 else 'bad'} {i},{i % 2}" for i in range(60)]
    job = reviews_job(folder, ["review,stars", *rows])
    return make_app(noria.load(noria.train(job, run=folder / "run", reporter=Silent())))


def test_the_column_is_a_second_name_of_the_field(ask: Any, app: Starlette) -> None:
    by_field, by_column = (ask(app, "POST", "/predict", json={name: "good"}).json() for name in ("text", "review"))
    assert by_field["predictions"] == by_column["predictions"]
    (as_form,) = ask(app, "POST", "/predict", files={"review": (None, "good")}).json()["predictions"]
    assert [as_form] == by_column["predictions"]


def test_both_names_at_once_are_one_too_many_and_none_is_one_too_few(ask: Any, app: Starlette) -> None:
    error = ask(app, "POST", "/predict", json={"text": "good", "review": "bad"}).json()["error"]
    assert "no field 'review'" in error["message"]
    assert "'text' is missing" in ask(app, "POST", "/predict", json={}).json()["error"]["message"]


def test_the_schema_has_both_names_and_wants_one(ask: Any, app: Starlette) -> None:
    schema = ask(app, "GET", "/schema").json()
    first, second = (schema["properties"][name] for name in ("text", "review"))
    assert second.pop("x-noria") == first.pop("x-noria") | {"same_as": "text"}
    assert first == second
    assert schema["allOf"] == [{"oneOf": [{"required": ["text"]}, {"required": ["review"]}]}]
    assert schema["required"] == []
