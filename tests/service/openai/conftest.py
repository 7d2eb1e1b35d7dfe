"""Tiny models of the kinds that OpenAI's paths ask, and a way to ask them without a socket."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from noria.pipeline.predictor import Predictor, load
from noria.service.app import app_around
from noria.service.dialects.all import OPERATIONS
from noria.service.engine.engine import Engine
from noria.service.request.limits import Limits
from service.conftest import Ask

Post = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def served(trained: Any) -> Callable[[str], tuple[Predictor, Starlette]]:
    """A function: name of a task -> a predictor and an application that calls it `run`, made once a session."""
    made: dict[str, tuple[Predictor, Starlette]] = {}

    def serve(task: str) -> tuple[Predictor, Starlette]:
        if task not in made:
            predictor = load(trained(task), device="cpu")
            limits = Limits(answer_tokens=64)
            made[task] = predictor, app_around(Engine(predictor, OPERATIONS, limits, "run"), limits)
        return made[task]

    return serve


@pytest.fixture
def post(served: Any, ask: Ask) -> Post:
    """A function: task, path, body -> the response."""

    def send(task: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        given = more if body is None else {"json": body}
        return ask(served(task)[1], "POST", path, **given)

    return send


def events(response: httpx.Response) -> list[tuple[str, Any]]:
    """Return the name and the content of each event."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in response.text.split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        data = lines["data"]
        found.append((lines.get("event", ""), data if data == "[DONE]" else json.loads(data)))
    return found


def error_of(response: httpx.Response, status: int = 400) -> dict[str, Any]:
    """Return the error of a refused request."""
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error
