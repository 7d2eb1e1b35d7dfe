"""POST /stream: the answer as events, the same as everywhere; bounded, refused, and stopped with its client."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from noria.errors import UserError
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.streams import Full, Streams
from noria.service.app import app_around, app_of, make_app
from noria.service.dialects.all import OPERATIONS
from noria.service.door.access import Grant
from noria.service.door.door import Door
from noria.service.door.keys import add_key, new_key, revoke_key
from noria.service.engine.engine import Engine
from noria.service.request.limits import Limits
from noria.types import Chunk
from service.conftest import Ask

RECORD = {"prompt": "To be, or not"}
WARM = {"temperature": 1.0, "seed": 3, "max_tokens": 20}


@pytest.fixture(scope="module")
def writer(trained: Any) -> Predictor:
    return load(trained("text-generation"), device="cpu")


@pytest.fixture(scope="module")
def app(writer: Predictor) -> Starlette:
    return make_app(writer, Limits(answer_tokens=64))


def assert_nothing_goes_on(app: Starlette) -> None:
    """Say that every request is answered, or given up, on both sides."""
    service = app.state.service
    engine = service.models.all[0].current.replicas[0].engine
    end = time.monotonic() + 10
    while (engine.num_works or len(engine._streams)) and time.monotonic() < end:
        time.sleep(0.01)
    assert (service.models.num_going, service.room.held_bytes, engine.num_works, len(engine._streams)) == (0, 0, 0, 0)


def app_with(streams: Streams, writer: Predictor, limits: Limits | None = None) -> Starlette:
    limits = limits or Limits()
    return app_around(Engine(writer, OPERATIONS, limits, streams=streams), limits)


def events(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = response.text.split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


@pytest.mark.parametrize("record", [RECORD, {"prompt": "水车\n\n日夜"}, {}], ids=str)
def test_the_events_are_the_pieces_and_the_last_one_says_why_it_is(
    record: dict[str, str], app: Starlette, writer: Predictor, ask: Ask
) -> None:
    found = events(ask(app, "POST", "/stream", json={"record": record, "settings": WARM}))
    own = list(writer.stream(record, **WARM))
    assert [one["text"] for one in found] == [piece.content for piece in own]
    assert ["ended" in one for one in found] == [False] * (len(found) - 1) + [True]
    assert found[-1]["ended"] == own[-1].ended
    assert found[-1]["logprobs"] == pytest.approx(own[-1].logprobs)
    assert_nothing_goes_on(app)


def test_without_settings_it_is_the_prediction(app: Starlette, ask: Ask) -> None:
    found = events(ask(app, "POST", "/stream", json={"record": RECORD}))
    whole = ask(app, "POST", "/predict", json=RECORD).json()["predictions"][0]
    assert "".join(one["text"] for one in found) == whole["value"]


@pytest.mark.parametrize(
    ("body", "status", "code", "param", "told"),
    [
        ([], 400, "wrong_type", None, "not a request for one answer"),
        ({}, 400, "wrong_type", None, "not a request for one answer"),
        ({"prompt": "a"}, 400, "wrong_type", None, "record"),
        ({"record": RECORD, "settings": []}, 400, "wrong_type", None, "settings"),
        ({"record": RECORD, "setings": {}}, 400, "unknown_field", "setings", "did you mean 'settings'"),
        ({"record": {"prompt": 3}}, 400, "wrong_type", "record.prompt", "type string"),
        ({"record": {"promt": "a"}}, 400, "unknown_field", "record.promt", "did you mean 'prompt'"),
        ({"record": [RECORD]}, 400, "wrong_type", "record", "an object"),
        ({"record": RECORD, "settings": {"temprature": 1}}, 400, "unusable_setting", "settings", "temperature"),
        ({"record": RECORD, "settings": {"top_k": 0}}, 400, "unusable_setting", "settings.top_k", "at least 1"),
        ({"record": RECORD, "settings": {"max_tokens": "9"}}, 400, "unusable_setting", "settings.max_tokens", "whole"),
        ({"record": RECORD, "settings": {"max_tokens": 65}}, 413, "too_large", "settings.max_tokens", "at most 64"),
        (
            {"record": RECORD, "settings": {"regex": "["}},
            400,
            "unusable_setting",
            "settings.regex",
            "cannot be followed",
        ),
        ({"record": RECORD, "settings": {"beams": 50}}, 400, "unusable_setting", "settings", "no setting 'beams'"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_cannot_be_answered_is_refused_before_the_first_event(
    body: Any, status: int, code: str, param: str | None, told: str, app: Starlette, ask: Ask
) -> None:
    response = ask(app, "POST", "/stream", json=body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (status, code, param)
    assert told in error["message"]
    assert_nothing_goes_on(app)


def test_only_json_is_read_and_only_by_post(app: Starlette, ask: Ask) -> None:
    assert ask(app, "POST", "/stream", files={"prompt": (None, "a")}).status_code == 415
    assert ask(app, "POST", "/stream", content=b"{", headers={"content-type": "application/json"}).status_code == 400
    assert ask(app, "GET", "/stream").status_code == 405


def test_a_model_that_does_not_write_has_no_such_path(predictor: Predictor, ask: Ask) -> None:
    app = make_app(predictor)
    assert ask(app, "POST", "/stream", json={"record": {}}).status_code == 404
    assert "/stream" not in ask(app, "GET", "/openapi.json").json()["paths"]


def test_the_schema_says_what_may_be_set_and_how_far(app: Starlette, ask: Ask) -> None:
    described = ask(app, "GET", "/openapi.json").json()["paths"]["/stream"]["post"]
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    settings = schema["properties"]["settings"]["properties"]
    assert settings["max_tokens"] == {"type": "integer", "minimum": 1, "maximum": 64}
    assert all({"minimum", "exclusiveMinimum"} & one.keys() for one in settings.values() if one.get("type") == "number")
    assert schema["properties"]["record"]["properties"].keys() == {"prompt"}
    assert "prompt" not in schema["properties"]["record"]["required"]  # it may be left out
    assert "text/event-stream" in described["responses"]["200"]["content"]


def test_with_a_key_nobody_else_is_answered(writer: Predictor, ask: Ask) -> None:
    app = make_app(writer, key="secret")
    assert ask(app, "POST", "/stream", json={"record": RECORD}).status_code == 401
    answer = ask(app, "POST", "/stream", json={"record": RECORD}, headers={"Authorization": "Bearer secret"})
    assert events(answer)


class Endless(Streams):
    """Answers that never end by themselves; notes how much was written, and by which threads."""

    def __init__(self, predictor: Predictor, most: int = 8) -> None:
        super().__init__(predictor, most)
        self.num_made, self.num_begun, self.threads, self.numbers = 0, 0, set[str](), list[int]()
        self.at_step: Callable[[], object] = lambda: None

    def __len__(self) -> int:
        return len(self.numbers)

    def begin(self, chunk: Any, index: int, settings: Any) -> int:
        if len(self.numbers) >= self._most:
            raise Full
        self.num_begun += 1
        self.numbers.append(self.num_begun)
        return self.num_begun

    def step(self) -> list[tuple[int, Chunk]]:
        self.num_made += 1
        self.threads.add(threading.current_thread().name)
        self.at_step()
        time.sleep(0.001)  # stands for computing
        return [(number, Chunk("x")) for number in self.numbers]

    def drop(self, number: int) -> None:
        self.numbers.remove(number)


async def stream_until(app: Starlette, has_enough: Callable[[int], bool], key: str = "") -> int:
    """Ask for a stream, go away when enough events came; return how many did."""
    body = json.dumps({"record": RECORD}).encode()
    gone, count, is_asked = asyncio.Event(), 0, False

    async def receive() -> dict[str, Any]:
        nonlocal is_asked
        if not is_asked:
            is_asked = True
            return {"type": "http.request", "body": body, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal count
        count += message["type"] == "http.response.body"
        if has_enough(count):
            gone.set()

    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"authorization", f"Bearer {key}".encode())] if key else []
    scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST"}
    scope |= {"path": "/stream", "raw_path": b"/stream", "query_string": b"", "headers": headers, "scheme": "http"}
    async with asyncio.timeout(20):
        await app(scope | {"root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 1)}, receive, send)
    return count


def test_a_client_that_goes_away_stops_the_writing(writer: Predictor) -> None:
    endless = Endless(writer)
    app = app_with(endless, writer)
    assert asyncio.run(stream_until(app, lambda count: count >= 3)) >= 3
    assert_nothing_goes_on(app)
    made = endless.num_made
    time.sleep(0.05)
    assert endless.num_made == made
    assert len(endless.threads) == 1  # that of the model


def test_what_was_written_for_a_client_that_went_away_counts_in_its_rate(
    writer: Predictor, app: Starlette, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    charged: list[int] = []
    monkeypatch.setattr(Grant, "charge", lambda _, tokens: charged.append(tokens))
    count = asyncio.run(stream_until(app_with(Endless(writer), writer), lambda count: count >= 3))
    (tokens,) = charged
    assert tokens >= count
    events(ask(app, "POST", "/stream", json={"record": RECORD}))
    assert ask(app, "POST", "/predict", json=RECORD).status_code == 200
    assert len(charged) == 3  # and of an answer that it waits for, by pieces or whole, once


def test_a_stream_ends_with_its_key(
    writer: Predictor, tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noria.service.door.keyring.LOOK_SECONDS", 0.0)
    keys = tmp_path / "keys.yaml"
    secret, key = new_key("shop")
    add_key(keys, key)
    endless = Endless(writer)
    endless.at_step = lambda: revoke_key(keys, "shop") if endless.num_made == 5 else None
    app = app_of(app_with(endless, writer).state.service, Door(keys=keys))
    answer = ask(app, "POST", "/stream", json={"record": RECORD}, headers={"Authorization": f"Bearer {secret}"})
    first, *_, last = events(answer)
    assert first == {"text": "x"}
    assert (last["ended"], last["error"]["code"]) == ("error", "wrong_key")
    assert_nothing_goes_on(app)


def test_others_are_answered_while_one_is_written_and_too_many_streams_are_refused(writer: Predictor) -> None:
    endless = Endless(writer, most=2)
    app = app_with(endless, writer)

    async def scene() -> tuple[list[httpx.Response], list[int]]:
        is_over = asyncio.Event()
        streams = [asyncio.create_task(stream_until(app, lambda _: is_over.is_set())) for _ in range(2)]
        while endless.num_made < 10 or len(endless) < 2:
            await asyncio.sleep(0.001)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            answers = [
                await client.post("/predict", json=RECORD),
                await client.post("/stream", json={"record": RECORD}),
                await client.get("/livez"),
            ]
        is_over.set()
        return answers, await asyncio.gather(*streams)

    (predicted, refused, alive), counts = asyncio.run(scene())
    assert predicted.status_code == alive.status_code == 200
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert min(counts) > 1
    assert_nothing_goes_on(app)


class Breaking(Endless):
    """Answers that break off after their first piece."""

    error: Exception = RuntimeError("a secret of the server")

    def step(self) -> list[tuple[int, Chunk]]:
        (number,) = self.numbers
        self.num_made += 1
        if self.num_made == 1:
            return [(number, Chunk("A water"))]
        self.errors[number] = self.error
        return [(number, Chunk("", "error"))]


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (RuntimeError("a secret of the server"), "internal_error", "something is broken in the server"),
        (UserError("this voice cannot say it", where="record"), "unusable_record", "this voice cannot say it"),
    ],
)
def test_an_answer_that_breaks_off_ends_with_an_event_that_says_so(
    error: Exception, code: str, told: str, writer: Predictor, ask: Ask
) -> None:
    breaking = Breaking(writer)
    breaking.error = error
    app = app_with(breaking, writer)
    first, last = events(ask(app, "POST", "/stream", json={"record": RECORD}))
    assert first == {"text": "A water"}
    assert (last["text"], last["ended"], last["error"]["code"]) == ("", "error", code)
    assert told in last["error"]["message"]
    assert "secret" not in json.dumps(last)
    assert_nothing_goes_on(app)
