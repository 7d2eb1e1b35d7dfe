"""A small application to watch, and one visit of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from noria.service.answer import Served
from noria.service.request.exchange import Measured
from noria.service.watch.visit import Visit
from noria.service.watch.watch import Observer, Watch

Ask = Callable[..., httpx.Response]


class Kept:
    """Keeps the visits that it is told of."""

    def __init__(self) -> None:
        self.visits: list[Visit] = []

    def note(self, visit: Visit) -> None:
        self.visits.append(visit)


async def answer(request: Request) -> Response:
    """Answer as a route that asks a model does: `?status=`, `?ended=` say how it goes."""
    await request.body()
    ended = request.query_params.get("ended", "stop")
    measured = Measured(1, batch=4, model_seconds=1.25, queue_seconds=0.5, prompt_seconds=0.25, ended=ended)
    is_whole = "broken" not in request.query_params
    request.state.served = Served("openai.chat", request.path_params["model"], "v7", (5, 9), measured, None, is_whole)
    return PlainTextResponse("answer", int(request.query_params.get("status", 200)))


async def fails(request: Request) -> Response:
    raise RuntimeError("a bug")


def watched(observers: Sequence[Observer]) -> Watch:
    """Return the application, watched."""
    routes = [Route("/ask/{model}", answer, methods=["POST"]), Route("/fails", fails)]
    return Watch(Starlette(routes=routes), observers, {})


def send(app: Watch, method: str, path: str, **request: Any) -> httpx.Response:
    """Send one request."""

    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **request)

    return asyncio.run(sent())


@pytest.fixture
def kept() -> Kept:
    return Kept()
