"""What the whole service says of itself when it is asked: counted once, by model, with the id that the client got."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from starlette.applications import Starlette

from noria.pipeline.predictor import Predictor, load
from noria.service.app import app_of, make_app
from noria.service.door.door import Door
from noria.service.watch.access_log import AccessLog
from noria.service.watch.watching import Watching
from service.conftest import Ask


def values(app: Starlette, ask: Ask) -> dict[tuple[str, ...], float]:
    text = ask(app, "GET", "/metrics").text
    return {
        (one.name, *sorted(f"{key}={value}" for key, value in one.labels.items())): one.value
        for family in parse(text)
        for one in family.samples
    }


def test_an_answer_is_counted_with_what_the_model_measured(predictor: Predictor, texts: list[str], ask: Ask) -> None:
    app = make_app(predictor)
    name = ask(app, "GET", "/models").json()["models"][0]["name"]
    for count in (1, 3):
        answer = ask(app, "POST", f"/predict/{name}", json={"records": [{"image": text} for text in texts[:count]]})
        assert answer.status_code == 200
    assert ask(app, "POST", f"/predict/{name}", json={"records": 3}).status_code == 400
    found, model = values(app, ask), f"model={name}"
    assert found["http_requests_total", "handler=/predict/{model}", "method=POST", "status=200"] == 2
    assert found["noria_requests_total", model, "operation=predict", "outcome=answered"] == 2
    assert found["noria_requests_total", model, "operation=predict", "outcome=refused"] == 1
    assert found["noria_records_total", model] == 4
    assert found["noria_batch_size_sum", model] == 4
    assert 0 < found["noria_model_seconds_sum", model] <= found["noria_request_seconds_sum", model]
    assert 0 < found["noria_queue_seconds_sum", model] <= found["noria_request_seconds_sum", model]
    assert found["noria_model_ready", model] == 1
    assert found["http_requests_inprogress",] == 1  # the one that asks
    told = ask(app, "GET", "/traffic").json()
    assert told["models"][name]["outcomes"] == {"answered": 2, "refused": 1}
    assert (told["models"][name]["waiting"], told["models"][name]["running"]) == (0, 0)


def test_a_written_answer_is_counted_by_tokens(trained: Any, ask: Ask) -> None:
    app = make_app(load(trained("text-generation"), device="cpu"))
    settings = {"max_tokens": 5, "temperature": 1.0, "seed": 3}
    for _ in range(2):
        assert ask(app, "POST", "/stream", json={"record": {"prompt": "To be"}, "settings": settings}).is_success
    found = values(app, ask)
    (model,) = {part for name, *labels in found for part in labels if part.startswith("model_name=")}
    assert found["vllm:generation_tokens_total", model] == 10
    assert found["vllm:prompt_tokens_total", model] > 0
    assert found["vllm:request_success_total", "finished_reason=length", model] == 2
    first, whole = (found[f"vllm:{one}_seconds_sum", model] for one in ("time_to_first_token", "e2e_request_latency"))
    assert 0 < first <= whole
    prompt, rest = (found[f"vllm:request_{one}_time_seconds_sum", model] for one in ("prefill", "decode"))
    assert 0 < prompt < prompt + rest <= whole


def test_the_id_that_a_client_sends_reaches_the_model_and_the_log(
    predictor: Predictor, texts: list[str], ask: Ask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(predictor)
    service = app.state.service
    log = AccessLog(tmp_path / "access.log")
    service.watching = Watching(service.models, log)
    app = app_of(service, Door())

    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("a bug of the model")

    engine = service.models.all[0].current.replicas[0].engine
    engine.predictor = type("Broken", (), {"decoded": breaks})()
    with caplog.at_level(logging.ERROR):
        answer = ask(app, "POST", "/predict", json={"image": texts[0]}, headers={"x-request-id": "shop-17"})
    log.close()
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "shop-17")
    assert "a bug" not in answer.text
    assert any("shop-17" in one.getMessage() for one in caplog.records)
    line = json.loads((tmp_path / "access.log").read_text())
    assert (line["id"], line["status"], line["path"]) == ("shop-17", 500, "/predict")


def test_metrics_and_traffic_need_a_key_where_there_is_one(predictor: Predictor, ask: Ask) -> None:
    app = make_app(predictor, key="a-key")
    for path in ("/metrics", "/traffic"):
        assert ask(app, "GET", path).status_code == 401
        assert ask(app, "GET", path, headers={"authorization": "Bearer a-key"}).status_code == 200


def test_a_request_that_is_not_let_in_is_counted_too(predictor: Predictor, ask: Ask) -> None:
    app = make_app(predictor, key="a-key")

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await client.get("/models")).status_code == 401
            return await client.get("/metrics", headers={"authorization": "Bearer a-key"})

    text = asyncio.run(asked()).text
    assert 'http_requests_total{handler="other",method="GET",status="401"} 1.0' in text
