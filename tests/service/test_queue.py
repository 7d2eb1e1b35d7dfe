"""The model has what it is at work on, a few wait, and the next is told to come again; the event loop answers all the
while. What is there when the model becomes free is answered in one go, whoever asked, and each client has its turn."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import torch

from noria.pipeline.predictor import Predictor
from noria.service.app import app_around
from noria.service.dialects.all import OPERATIONS
from noria.service.engine.engine import Engine
from noria.service.engine.turns import Turns
from noria.service.engine.work import Work
from noria.service.request.exchange import Reply, Request
from noria.service.request.limits import Limits


class Gated(Predictor):
    """A predictor that waits until it may go on."""

    def __init__(self, bundle: Any) -> None:
        super().__init__(bundle)
        self.gate, self.is_at_work = threading.Event(), threading.Event()
        self.names, self.sizes = set[str](), list[int]()

    def decoded(self, records: Any, see: Any = None) -> Any:
        self.is_at_work.set()
        assert self.gate.wait(60)
        self.names.add(threading.current_thread().name)
        self.sizes.append(len(records))
        return super().decoded(records, see)


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0.01)


def test_beyond_the_queue_a_request_is_refused_and_the_others_are_answered(predictor, texts) -> None:
    gated, limits = Gated(predictor.bundle), Limits(waiting=3)
    app = app_around(Engine(gated, OPERATIONS, limits), limits)

    async def scene() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            asked = [asyncio.create_task(client.post("/predict", json={"image": texts[0]})) for _ in range(6)]
            done, _ = await asyncio.wait(asked, timeout=5, return_when=asyncio.FIRST_COMPLETED)
            assert {task.result().status_code for task in done} == {503}
            assert (await client.get("/readyz")).status_code == 200  # while the model is at work
            gated.gate.set()
            return list(await asyncio.gather(*asked))

    responses = asyncio.run(scene())
    assert sorted(response.status_code for response in responses) == [200] * 4 + [503] * 2
    refused = next(response for response in responses if response.status_code == 503)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["code"] == "overloaded"
    assert len(gated.names) == 1  # one thread only
    service = app.state.service
    assert (service.models.num_going, service.room.held_bytes) == (0, 0)


def test_requests_that_wait_are_answered_together_and_each_gets_its_own(predictor, pictures, texts) -> None:
    gated, limits = Gated(predictor.bundle), Limits(batch_seconds=60.0)
    engine = Engine(gated, OPERATIONS, limits)
    app = app_around(engine, limits)
    bad = "aGVsbG8="  # no picture

    async def scene() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            first = asyncio.create_task(client.post("/predict", json={"image": texts[0]}))
            await until(gated.is_at_work.is_set)
            asked = [client.post("/predict", json={"records": [{"image": t}, {"image": t}]}) for t in texts[1:4]]
            asked.append(client.post("/predict", json={"image": bad}))
            tasks = [first, *map(asyncio.create_task, asked)]
            await tasks[-1]  # they are read in their order, so all are
            await until(lambda: engine.num_works == 4)
            gated.gate.set()
            return list(await asyncio.gather(*tasks))

    *good, refused = asyncio.run(scene())
    assert refused.status_code == 422
    assert gated.sizes == [1, 6]  # across requests, and without the one that is refused
    expected = [one.as_json() for one in predictor.predict([{"image": one} for one in pictures])]
    assert good[0].json()["predictions"] == expected[:1]
    for index, one in enumerate(good[1:], 1):
        for found in one.json()["predictions"]:
            assert found["value"] == expected[index]["value"]
            assert abs(found["confidence"] - expected[index]["confidence"]) < 1e-5


def test_a_request_whose_time_is_over_is_dropped_and_told(predictor, texts) -> None:
    gated, limits = Gated(predictor.bundle), Limits(answer_seconds=1.0)
    engine = Engine(gated, OPERATIONS, limits)
    app = app_around(engine, limits)

    async def scene() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            first = asyncio.create_task(client.post("/predict", json={"image": texts[0]}))
            await until(gated.is_at_work.is_set)
            second = asyncio.create_task(client.post("/predict", json={"image": texts[0]}))
            await until(lambda: engine.num_works == 2)
            await asyncio.sleep(1.1)
            gated.gate.set()
            return [await first, await second]

    first, second = asyncio.run(scene())
    assert first.status_code == 200  # it was at work on it
    assert (second.status_code, second.json()["error"]["code"]) == (504, "too_late")
    assert len(gated.sizes) == 1  # nothing was computed for the second


def test_the_clients_have_turns_and_one_that_is_not_done_waits_for_the_others() -> None:
    turns: Turns[str] = Turns()
    for client, item in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1")]:
        turns.put(client, item)
    assert [turns.take(), turns.take()] == ["a1", "b1"]
    turns.put_back("b", "b1 again")
    assert [turns.take() for _ in range(4)] == ["c1", "a2", "b1 again", "a3"]


class Hanging(Predictor):
    """A predictor that hangs while it reads."""

    def __init__(self, bundle: Any) -> None:
        super().__init__(bundle)
        self.gate, self.is_reading = threading.Event(), threading.Event()

    def encoded(self, *given: Any, **more: Any) -> Any:
        if threading.current_thread().name == "reads":
            self.is_reading.set()
            assert self.gate.wait(20)
        return super().encoded(*given, **more)


def request_of(text: str) -> Request:
    return Request("predict", f'{{"image": "{text}"}}'.encode(), {"content-type": "application/json"})


def test_a_probe_sees_that_the_thread_that_reads_hangs(predictor, texts) -> None:
    hanging, probed, replies = Hanging(predictor.bundle), threading.Event(), list[Reply]()
    engine = Engine(hanging, OPERATIONS)
    engine.probe(probed.set)
    assert probed.wait(60)
    probed.clear()
    engine.submit(1, request_of(texts[0]), OPERATIONS["predict"], replies.append)
    assert hanging.is_reading.wait(60)
    engine.probe(probed.set)
    assert not probed.wait(0.3)
    hanging.gate.set()
    assert probed.wait(60)
    engine.close()


def test_what_an_abandoned_request_sent_is_not_held(predictor, texts) -> None:
    hanging, replies = Hanging(predictor.bundle), list[Reply]()
    engine = Engine(hanging, OPERATIONS)
    for number in range(3):
        engine.submit(number, request_of(texts[0]), OPERATIONS["predict"], replies.append)
    assert hanging.is_reading.wait(60)
    for number in range(3):
        engine.cancel(number)
    assert engine._turns.is_empty
    assert not engine._works
    hanging.gate.set()
    engine.close()
    assert not replies


def test_a_reply_that_cannot_be_sent_is_refused_in_its_place(predictor, texts) -> None:
    told: list[int] = []
    is_refused = threading.Event()

    def sink(reply: Reply) -> None:
        told.append(reply.status)
        if reply.status == 200:
            raise struct.error("argument out of range")
        is_refused.set()

    engine = Engine(predictor, OPERATIONS)
    engine.submit(1, request_of(texts[0]), OPERATIONS["predict"], sink)
    assert is_refused.wait(60)
    engine.close()
    assert told == [200, 500]


def test_the_answers_of_a_request_stand_in_the_order_of_its_records(predictor, texts) -> None:
    view = Engine(predictor, OPERATIONS).view
    replies: list[Reply] = []
    work = Work(request_of(texts[0]), OPERATIONS["predict"], view, replies.append)
    work.read()
    first, second = predictor.predict([{"image": base64.b64decode(text)} for text in texts[:2]])
    work.answer(2, [second])
    work.answer(1, [first])
    work.finish()
    assert json.loads(replies[0].body)["predictions"] == [one.as_json() for one in (first, second)]


def test_a_turn_that_breaks_ends_its_requests_and_not_the_thread(predictor, texts, monkeypatch) -> None:
    engine, probed, replies = Engine(predictor, OPERATIONS), threading.Event(), list[Reply]()
    is_answered = threading.Event()

    def sink(reply: Reply) -> None:
        replies.append(reply)
        is_answered.set()

    def broken() -> None:
        raise RuntimeError("a bug")

    engine._ready.call(broken)
    engine.submit(1, request_of(texts[0]), OPERATIONS["predict"], sink)
    assert is_answered.wait(60)
    is_answered.clear()
    engine.submit(2, request_of(texts[0]), OPERATIONS["predict"], sink)
    assert is_answered.wait(60)
    assert replies[-1].status == 200
    engine.probe(probed.set)
    assert probed.wait(60)
    engine.close()


def test_the_model_has_the_threads_of_the_cpu_and_what_reads_has_one(predictor, texts, monkeypatch) -> None:
    found: dict[str, int] = {}

    class Seen(Predictor):
        def decoded(self, records: Any, see: Any = None) -> Any:
            found["model"] = torch.get_num_threads()
            return super().decoded(records, see)

    before, read = torch.get_num_threads(), Work.read
    monkeypatch.setattr(Work, "read", lambda work: (found.update(reads=torch.get_num_threads()), read(work)))
    engine, is_answered = Engine(Seen(predictor.bundle), OPERATIONS, threads=3), threading.Event()
    try:
        engine.submit(1, request_of(texts[0]), OPERATIONS["predict"], lambda _: is_answered.set())
        assert is_answered.wait(60)
        engine.close()
    finally:
        torch.set_num_threads(before)
    assert found == {"model": 3, "reads": 1}


def test_a_model_that_breaks_when_it_is_warmed_up_is_told_where_it_is_waited_for(predictor, monkeypatch) -> None:
    def broken() -> None:
        raise RuntimeError("no answer")

    engine = Engine(predictor, OPERATIONS)
    monkeypatch.setattr(engine, "warm_up", broken)
    with pytest.raises(RuntimeError, match="no answer"):
        engine.get_ready()
    engine.close()
