"""For every task: what is served is what the predictor answers, from JSON and from a form, nested and flat."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from noria.contract import Task, registry
from noria.contract.examples import records_like
from noria.pipeline.predictor import load
from noria.service.app import make_app
from noria.service.serve import example_command
from tiny_data import file_of

TASKS = registry.names("tasks")


def test_the_tasks_are_found() -> None:
    assert "image-classification" in TASKS
    assert len(TASKS) >= 3


@pytest.mark.parametrize("name", TASKS)
def test_served_answers_are_the_predictors(ask, trained, name) -> None:
    predictor = load(trained(name))
    task = predictor.task
    records = [sendable_record(task, record) for record in records_like(task, 5, seed=1)]
    app = make_app(predictor)
    expected = [json.loads(json.dumps(one.as_json())) for one in predictor.predict(records)]
    sendable = [{key: as_json(value) for key, value in record.items()} for record in records]
    response = ask(app, "POST", "/predict", json={"records": sendable})
    assert response.status_code == 200, response.text
    assert response.json()["predictions"] == expected

    alone = [json.loads(json.dumps(one.as_json())) for one in predictor.predict(records[:1])]
    assert ask(app, "POST", "/predict", json=sendable[0]).json()["predictions"] == alone
    flat = {}
    for key, value in sendable[0].items():
        flat |= value if isinstance(value, dict) else {key: value}
    assert ask(app, "POST", "/predict", json=flat).json()["predictions"] == alone
    form = [(key, (None, value if isinstance(value, str) else json.dumps(value))) for key, value in flat.items()]
    assert ask(app, "POST", "/predict", files=form).json()["predictions"] == alone


@pytest.mark.parametrize("name", TASKS)
def test_every_field_is_missed_and_every_stranger_is_refused(ask, trained, name) -> None:
    predictor = load(trained(name))
    app = make_app(predictor)
    schema = ask(app, "GET", "/schema").json()
    assert list(schema["properties"]) == list(predictor.task.inputs)
    message = ask(app, "POST", "/predict", json={"stranger": 1}).json()["error"]["message"]
    assert "there is no field 'stranger'" in message
    for field, described in schema["properties"].items():
        if predictor.task.inputs[field].is_optional:
            continue
        for column in described.get("properties", [field]):
            assert f"the field {column!r} is missing" in message


@pytest.mark.parametrize("name", TASKS)
def test_the_example_command_is_one_line(trained, name) -> None:
    (about,) = make_app(load(trained(name))).state.service.models.abouts()
    command = example_command(about, "http://127.0.0.1:1/predict", needs_key=True)
    assert command.startswith('curl -H "Authorization: Bearer $NORIA_KEY"')
    assert command.endswith("http://127.0.0.1:1/predict")
    assert "\n" not in command


def sendable_record(task: Task, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record without its answer, its arrays as files."""
    return {
        name: file_of(record[name]) if isinstance(record[name], np.ndarray) else record[name] for name in task.inputs
    }


def as_json(value):
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize("number", ["1e30", "-1e30", "9223372036854775808", "true", "null", '"1e999"', '"nan"'])
def test_extreme_cells_never_break_the_server(ask, trained, number) -> None:
    app = make_app(load(trained("tabular-regression")))
    body = f'{{"rooms": {number}, "area": 80, "district": "north"}}'
    response = ask(app, "POST", "/predict", content=body.encode(), headers={"content-type": "application/json"})
    assert response.status_code in (200, 422), response.text
