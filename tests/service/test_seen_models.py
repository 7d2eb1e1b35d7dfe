"""A key for some models learns nothing of the others: not their names, not what they are, from no path and no error."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette

import noria
from noria.errors import UserError
from noria.pipeline.predictor import Predictor
from noria.service.app import Service, app_of
from noria.service.dialects.all import OPERATIONS
from noria.service.door.door import Door
from noria.service.engine.engine import Engine
from noria.service.fleet.models import Models, Plan
from noria.service.fleet.replica import LocalReplica
from noria.service.request.limits import Limits

SECRET = "the-other-one"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    file = tmp_path_factory.mktemp("keys") / "keys.yaml"
    return file, noria.keys("add", "some", file, models=["own"]), noria.keys("add", "every", file)


@pytest.fixture(scope="module")
def app(predictor: Predictor, keys: tuple[Path, str, str]) -> Starlette:
    async def unstarted(_: Plan) -> list[LocalReplica]:
        raise UserError("no")

    models = Models(Limits(), unstarted, lambda _: None)
    for name in ("own", SECRET):
        models.add(Plan(name, predictor.bundle.path), [LocalReplica(Engine(predictor, OPERATIONS, name=name))])
    return app_of(Service(models, Limits()), Door(keys=keys[0]))


def test_no_path_names_a_model_that_the_key_is_not_for(ask, app, keys, texts) -> None:
    _, some, every = keys
    paths = [route.path for route in app.routes if "GET" in route.methods and "{" not in route.path]
    assert {"/", "/models", "/v1/models", "/api/tags", "/openapi.json"} <= set(paths)
    named = 0
    for path in paths:
        found = ask(app, "GET", path, headers={"authorization": f"Bearer {some}"})
        assert SECRET not in found.text, path
        named += SECRET in ask(app, "GET", path, headers={"authorization": f"Bearer {every}"}).text
    assert named >= 3  # else this test would see nothing


@pytest.mark.parametrize("path", ["/predict", "/predict/nothing", "/v1/embeddings", "/hf/models/nothing"])
def test_no_error_names_one_either(path: str, ask, app, keys, texts) -> None:
    _, some, every = keys
    body = {"image": texts[0], "model": "nothing", "input": "x"}
    found = {
        key: ask(app, "POST", path, json=body, headers={"authorization": f"Bearer {key}"}) for key in (some, every)
    }
    assert found[some].status_code == 404
    assert SECRET not in found[some].text
    assert SECRET in found[every].text


def test_its_own_is_answered_and_the_other_is_not(ask, app, keys, texts) -> None:
    headers = {"authorization": f"Bearer {keys[1]}"}
    assert ask(app, "POST", "/predict/own", json={"image": texts[0]}, headers=headers).status_code == 200
    assert ask(app, "POST", f"/predict/{SECRET}", json={"image": texts[0]}, headers=headers).status_code == 403
    assert ask(app, "GET", f"/models/{SECRET}", headers=headers).status_code in (403, 404)
