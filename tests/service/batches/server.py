"""A service in this process with the runner of batches at work, and what its client does again and again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from noria.pipeline.predictor import Predictor
from noria.service.app import Service, app_of
from noria.service.dialects.all import OPERATIONS
from noria.service.door.door import Door
from noria.service.engine.engine import Engine
from noria.service.fleet.models import Models, Plan
from noria.service.fleet.replica import LocalReplica, Replica, died
from noria.service.request.exchange import Request
from noria.service.request.limits import Limits

ENDPOINT = "/v1/embeddings"
SECONDS = 60


class Mortal(LocalReplica):
    """A model that dies of each line that says `poison`, with all that it was answering, and keeps what says `held`."""

    num_deaths = 0
    num_sent = 0

    def _send(self, number: int, request: Request) -> None:
        self.num_sent += 1
        if b"poison" in request.body:
            self.num_deaths += 1
            asyncio.get_running_loop().call_soon(self._fail_all, died("it was killed"))
        elif b"held" not in request.body:
            super()._send(number, request)


class Client:
    """What a client of batches does."""

    def __init__(self, http: httpx.AsyncClient, service: Service, replica: Mortal) -> None:
        self.http, self.service, self.replica = http, service, replica

    async def upload(self, lines: Iterable[Any], **more: Any) -> httpx.Response:
        text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
        return await self.http.post("/v1/files", data={"purpose": "batch"}, files={"file": ("a.jsonl", text)}, **more)

    async def file(self, lines: Iterable[Any]) -> str:
        return str(whole(await self.upload(lines))["id"])

    async def begin(self, file: str, **more: Any) -> httpx.Response:
        headers = more.pop("headers", {})
        asked = {"input_file_id": file, "endpoint": ENDPOINT, "completion_window": "24h", **more}
        return await self.http.post("/v1/batches", json=asked, headers=headers)

    async def ended(self, batch: str) -> dict[str, Any]:
        """Wait for the end of a batch."""
        async with asyncio.timeout(SECONDS):
            while True:
                found = whole(await self.http.get(f"/v1/batches/{batch}"))
                if found["status"] in ("completed", "failed", "expired", "cancelled"):
                    return found
                await asyncio.sleep(0.01)

    async def run(self, lines: Iterable[Any], **more: Any) -> tuple[dict[str, Any], list[Any], list[Any]]:
        """Have lines answered; return the batch, its answers and its errors."""
        begun = whole(await self.begin(await self.file(lines), **more))
        batch = await self.ended(begun["id"])
        return batch, await self.lines(batch["output_file_id"]), await self.lines(batch["error_file_id"])

    async def lines(self, file: str | None) -> list[Any]:
        if file is None:
            return []
        got = await self.http.get(f"/v1/files/{file}/content")
        assert got.status_code == 200, got.text
        return [json.loads(line) for line in got.text.splitlines()]


def whole(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()


def line(name: object, text: str = "A dog runs.", url: str = ENDPOINT, **body: Any) -> dict[str, Any]:
    sent = {"model": "vectors", "input": text, **body}
    return {"custom_id": str(name), "method": "POST", "url": url, "body": sent}


@asynccontextmanager
async def serving(
    predictor: Predictor, limits: Limits | None = None, keys: Path | None = None, key: str = "", works: bool = True,
    name: str = "vectors",
) -> AsyncIterator[Client]:  # fmt: skip
    """Serve a model."""
    limits = limits or Limits()

    async def unstarted(_: Plan) -> list[Replica]:
        raise NotImplementedError

    replica = Mortal(Engine(predictor, OPERATIONS, limits, name))
    models = Models(limits, unstarted, lambda _: None)
    models.add(Plan(name, predictor.bundle.path), [replica])
    service = Service(models, limits)
    app = app_of(service, Door(keys=keys))
    if works:
        service.batching.start()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    transport = httpx.ASGITransport(app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as http:
            yield Client(http, service, replica)
    finally:
        await service.stop()
