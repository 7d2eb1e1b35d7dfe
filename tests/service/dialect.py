"""Asking an operation of a dialect without a process or a socket: what it reads is answered, and written by it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from noria.errors import UserError
from noria.pipeline.predictor import Predictor
from noria.service.asking.operation import About, Asked, Operation, Reply, Request, Said, View, Written
from noria.service.engine.work import as_http
from noria.service.request.http_error import HTTPError
from noria.service.request.inputs import inputs_of
from noria.service.request.limits import Limits
from noria.types import Chunk


def view_of(predictor: Predictor, name: str = "model") -> View:
    """Return the model as operations see it."""
    return View(name, "1", predictor, inputs_of(predictor.bundle), Limits())


def about_of(view: View, *operations: Operation, is_ready: bool = True) -> About:
    """Return the model as lookups see it."""
    offered = [one for one in operations if one.is_offered(view)]
    told = {"name": view.name, "task": view.predictor.bundle.config["task"], "created": 1.7e9}
    told |= {"operations": [one.name for one in offered]} | {one.name: one.told(view) for one in offered}
    return About(view.name, view.version, is_ready, json.loads(json.dumps(told)))


def request(body: Any = b"", path: Mapping[str, str] | None = None, **headers: str) -> Request:
    """Return a request; a body that is no bytes is sent as JSON."""
    if not isinstance(body, bytes):
        body, headers = json.dumps(body).encode(), {"content-type": "application/json", **headers}
    return Request("", body, {name.replace("_", "-"): value for name, value in headers.items()}, path or {})


def reply(operation: Operation, asked_for: Request, view: View, said: Said | None = None) -> Reply:
    """Return what a client gets; of a streamed answer all of it at once."""
    try:
        asked = operation.read(asked_for, view)
        if asked.settings is None:
            answers = view.predictor.predict(asked.records) if asked.records else []
            return operation.write(answers, asked, view, said or Said())
        if asked.is_streamed:
            return Reply(b"".join(_streamed(operation, asked, view)))
        return operation.write_written(_written(asked, view), asked, view)
    except (HTTPError, UserError) as error:
        return operation.refusal(as_http(error))


def error_of(got: Reply) -> str:
    """Return the sentence of a refusal."""
    assert got.status >= 400, got.body
    told = json.loads(got.body)["error"]
    return str(told["message"] if isinstance(told, dict) else told)


def _chunks(asked: Asked, view: View) -> Iterator[tuple[int, Chunk]]:
    for index, (record, settings) in enumerate(zip(asked.records, asked.settings or (), strict=True)):
        yield from ((index, chunk) for chunk in view.predictor.stream(record, **settings))


def _streamed(operation: Operation, asked: Asked, view: View) -> Iterator[bytes]:
    writer = operation.writer(asked, view)
    yield writer.begin([3] * len(asked.records))
    for index, chunk in _chunks(asked, view):
        yield writer.piece(index, chunk)
    yield writer.end()


def _written(asked: Asked, view: View) -> list[Written]:
    contents = [""] * len(asked.records)
    ends: dict[int, Chunk] = {}
    for index, chunk in _chunks(asked, view):
        assert isinstance(chunk.content, str)
        contents[index] += chunk.content
        ends[index] = chunk
    return [Written(text, ends[i].ended or "", ends[i].logprobs, 3, ends[i].tokens) for i, text in enumerate(contents)]
