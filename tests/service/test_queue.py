"""One request is in the model, a few wait, and the next is told to come again; the event loop answers all the while."""

from __future__ import annotations

import asyncio
import threading

import httpx

from noria.pipeline.predictor import Predictor
from noria.service.app import make_app
from noria.service.limits import Limits


class Gated(Predictor):
    """A predictor that waits until it may go on."""

    def __init__(self, bundle) -> None:
        super().__init__(bundle)
        self.gate, self.names = threading.Event(), set()

    def predict(self, records, root=None, **more):
        assert self.gate.wait(10)
        self.names.add(threading.current_thread().name)
        return super().predict(records, root, **more)


def test_beyond_the_queue_a_request_is_refused_and_the_others_are_answered(predictor, texts) -> None:
    gated = Gated(predictor.bundle)
    app = make_app(gated, Limits(waiting=3))

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
    worker = app.state.service.worker
    assert (worker._num_jobs, worker._held_bytes, worker.is_busy) == (0, 0, False)
