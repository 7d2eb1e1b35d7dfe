"""Served answers are the predictor's own, to the last digit: promise 1."""

from __future__ import annotations

import json

import pytest
from starlette.applications import Starlette

from noria.pipeline.predictor import Predictor
from noria.service.app import make_app
from noria.service.request.limits import Limits


@pytest.fixture(scope="module")
def app(predictor: Predictor) -> Starlette:
    return make_app(predictor, Limits())


def expected(predictor: Predictor, pictures: list[bytes]) -> dict:
    found = predictor.predict([{"image": picture} for picture in pictures])
    return json.loads(json.dumps({"model": "small-digits", "predictions": [one.as_json() for one in found]}))


def test_one_record_as_json_gets_the_predictors_answer(ask, app, predictor, pictures, texts) -> None:
    response = ask(app, "POST", "/predict", json={"image": texts[0]})
    assert response.status_code == 200
    assert response.json() == expected(predictor, pictures[:1])


def test_many_records_as_json_get_the_predictors_answers_in_order(ask, app, predictor, pictures, texts) -> None:
    response = ask(app, "POST", "/predict", json={"records": [{"image": text} for text in texts]})
    assert response.json() == expected(predictor, pictures)


def test_one_file_in_a_form_gets_the_predictors_answer(ask, app, predictor, pictures) -> None:
    response = ask(app, "POST", "/predict", files={"image": ("../../etc/passwd", pictures[0])})
    assert response.json() == expected(predictor, pictures[:1])


def test_many_files_in_a_form_are_many_records(ask, app, predictor, pictures) -> None:
    files = [("image", ("digit.png", picture, "image/png")) for picture in pictures]
    assert ask(app, "POST", "/predict", files=files).json() == expected(predictor, pictures)


def test_base64_in_a_form_is_the_same_as_the_file(ask, app, predictor, pictures, texts) -> None:
    body = f'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\n{texts[0]}\r\n--b--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=b"}
    response = ask(app, "POST", "/predict", content=body.encode(), headers=headers)
    assert response.json() == expected(predictor, pictures[:1])


def test_no_records_get_no_predictions(ask, app) -> None:
    assert ask(app, "POST", "/predict", json={"records": []}).json()["predictions"] == []


def test_the_front_page_says_what_the_model_is_and_how_good(ask, app) -> None:
    about = ask(app, "GET", "/").json()
    assert about["name"] == "small-digits"
    assert about["task"] == "image-classification"
    assert about["scores"]["n"] == 100
    assert {"value", "low", "high"} <= about["scores"]["metrics"]["accuracy"].keys()
    assert about["schema"]["properties"].keys() == {"image"}


def test_the_schema_describes_the_record(ask, app) -> None:
    schema = ask(app, "GET", "/schema").json()
    assert schema["properties"]["image"]["type"] == "string"
    assert schema["properties"]["image"]["contentEncoding"] == "base64"
    assert schema["required"] == ["image"]
    assert schema["additionalProperties"] is False


def test_the_openapi_document_holds_the_schema(ask, app) -> None:
    body = ask(app, "GET", "/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
    records, record = body["content"]["application/json"]["schema"]["anyOf"]
    assert records["properties"]["records"]["items"] == record


def test_the_openapi_document_names_every_path_and_the_shape_of_errors(ask, app) -> None:
    document = ask(app, "GET", "/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"].startswith("Noria: ")
    paths = {"/", "/schema", "/openapi.json", "/livez", "/readyz", "/health", "/predict", "/predict/small-digits"}
    assert document["paths"].keys() >= paths
    wrong = ask(app, "POST", "/predict", json={}).json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"]
            schema = operation["responses"]["default"]["content"]["application/json"]["schema"]
            shapes = [one["properties"] for one in schema.get("anyOf", [schema])]
            if path in paths:  # those of other dialects have shapes of their own: test_openapi.py
                assert wrong["error"].keys() in [one["error"]["properties"].keys() for one in shapes], path


def test_health_is_three_routes(ask, app) -> None:
    for path in ("/livez", "/readyz", "/health"):
        assert ask(app, "GET", path).status_code == 200


def test_a_draining_server_is_alive_but_not_ready_and_still_answers(ask, predictor, texts) -> None:
    app = make_app(predictor, Limits())
    app.state.service.is_draining = True
    assert ask(app, "GET", "/livez").status_code == 200
    assert ask(app, "GET", "/readyz").status_code == 503
    assert ask(app, "GET", "/health").status_code == 503
    assert ask(app, "POST", "/predict", json={"image": texts[0]}).status_code == 200


def test_without_metrics_the_front_page_has_no_scores(ask, predictor, tmp_path) -> None:
    import shutil

    from noria.pipeline.predictor import load

    shutil.copytree(predictor.bundle.path, tmp_path / "shipped")
    about = ask(make_app(load(tmp_path / "shipped")), "GET", "/").json()
    assert about["name"] == "shipped"
    assert "scores" not in about
