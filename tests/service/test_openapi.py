"""The OpenAPI document says what comes back: the shape of each dialect's errors, and what is no JSON."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette

from noria.pipeline.predictor import Predictor
from noria.service.app import make_app

KINDS = {"string": str, "object": dict}


@pytest.fixture(scope="module")
def app(predictor: Predictor) -> Starlette:
    return make_app(predictor)


@pytest.fixture(scope="module")
def paths(app: Starlette, ask: Any) -> dict[str, Any]:
    found: dict[str, Any] = ask(app, "GET", "/openapi.json").json()["paths"]
    return found


@pytest.mark.parametrize("path", ["/predict/", "/v2/models/", "/hf/models/", "/v2/repository/models/"])
def test_an_error_has_a_shape_that_the_document_names(path: str, app: Starlette, ask: Any, paths: Any) -> None:
    asked = [one for one in paths if one.startswith(path) and "post" in paths[one] and "{" not in one]
    assert asked
    for one in asked:
        refused = ask(app, "POST", one, content=b"{", headers={"content-type": "application/json"})
        schema = paths[one]["post"]["responses"]["default"]["content"]["application/json"]["schema"]
        named = [each for each in schema.get("anyOf", [schema]) if set(each["required"]) == set(refused.json())]
        assert type(refused.json()["error"]) in [KINDS[each["properties"]["error"]["type"]] for each in named], one


@pytest.mark.parametrize(
    ("path", "accept"),
    [("/metrics", "*/*"), *((path, kind) for path in ("/", "/ledger") for kind in ("*/*", "text/html"))],
)
def test_an_answer_is_of_a_kind_that_the_document_names(
    path: str, accept: str, app: Starlette, ask: Any, paths: Any
) -> None:
    kind = ask(app, "GET", path, headers={"accept": accept}).headers["content-type"].partition(";")[0]
    assert kind in paths[path]["get"]["responses"]["200"]["content"]
