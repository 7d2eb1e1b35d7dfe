"""One request over HTTP, from its body to its reply: read whole, handed to a model, and its replies sent on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from starlette.requests import Request as HTTPRequest
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from noria.batch.giving_way import tell_serving
from noria.errors import UserError
from noria.ledger.till import Answers
from noria.service.asking.operation import Operation
from noria.service.door.body import body_of
from noria.service.engine.work import too_late
from noria.service.fleet.models import Model, Models, Version
from noria.service.fleet.replica import Call
from noria.service.request.exchange import KEPT_HEADERS, Reply, Request
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits
from noria.service.request.served import Served
from noria.service.room import Room

LARGE_BODY = 1 << 16  # bytes from which the model's name is looked for in a thread of its own
GONE = "disconnected"
LEFT = "left"  # how a written answer ended whose client did not wait for its end
GRACE_SECONDS = 5.0  # the model's process says itself that it is too late, unless it is stopped


class Service(Protocol):
    """What is shared by all requests."""

    models: Models
    limits: Limits
    room: Room
    num_lost: int


class Answering:
    """The endpoint of an operation: an ASGI application, so that Starlette adds nothing of its own."""

    def __init__(self, operation: Operation, service: Service) -> None:
        self._operation, self._service = operation, service
        self._models, self._limits, self._room = service.models, service.limits, service.room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = HTTPRequest(scope, receive)
        served = Served(self._operation.name)
        scope.setdefault("state", {})["served"] = served
        tell_serving()
        try:
            response = await self._response(http, served)
        except HTTPError as error:
            response = as_response(self._operation.refusal(error))
        except asyncio.CancelledError:
            self._service.num_lost += 1
            raise
        await response(scope, receive, send)

    async def _response(self, http: HTTPRequest, served: Served) -> Response:
        start = time.monotonic()
        async with body_of(http, self._limits, self._room) as body:
            request = as_request(http, self._operation.name, bytes(body), self._limits.answer_seconds)
            if len(body) > LARGE_BODY:
                name = await asyncio.to_thread(self._operation.model_of, request, self._limits)
            else:
                name = self._operation.model_of(request, self._limits)
            model = self._models.named(name, http.state.grant.sees)
            http.state.grant.require(self._operation.verb, model.plan.name)
            call, version = self._models.call(model, request)
            served.model, served.version = model.plan.name, version.name
            asked = _Asked(self._operation, self._models, model, version, call, start, served, http)
            try:
                first = await asked.first(self._limits.answer_seconds + GRACE_SECONDS)
            except BaseException:
                call.close()
                raise
        if first.is_last:
            call.close()
            asked.charge()
            return as_response(first)
        return Pieces(first, asked)


@dataclass
class _Asked:
    """A request that a model is answering."""

    operation: Operation
    models: Models
    model: Model
    version: Version
    call: Call
    start: float
    served: Served
    http: HTTPRequest

    def __post_init__(self) -> None:
        self._replies = self.call.replies()

    async def first(self, seconds: float) -> Reply:
        """Wait for the first reply, unless the client goes away; raise HTTPError."""
        waiting = asyncio.ensure_future(anext(self._replies))
        leaving = asyncio.ensure_future(self._left())
        try:
            done, _ = await asyncio.wait({waiting, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if waiting in done:
                return self._noted(waiting.result())
            if leaving in done:
                raise _gone()
            raise too_late()
        except HTTPError as error:
            if error.code != GONE:  # which says nothing of the model
                self.models.saw(self.model, self.version, error, time.monotonic() - self.start)
            raise
        finally:
            for task in (waiting, leaving):
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    async def rest(self) -> AsyncIterator[Reply]:
        """Yield the replies after the first; raise HTTPError, too where the key is withdrawn meanwhile."""
        async for reply in self._replies:
            self.http.state.grant.check()
            yield self._noted(reply)

    def charge(self) -> None:
        """Count the tokens for the client, of an answer that it did not wait for too."""
        self.http.state.charge(sum(self.served.tokens))

    async def _left(self) -> None:
        """Wait until the client has gone."""
        while (await self.http.receive())["type"] != "http.disconnect":
            pass

    def _noted(self, reply: Reply) -> Reply:
        seconds = time.monotonic() - self.start
        if self.served.first_seconds is None:
            self.served.first_seconds = seconds
            self.models.saw(self.model, self.version, reply, seconds)
        self.served.tokens, self.served.measured = reply.tokens, reply.measured
        if reply.valued is not None:
            self.served.answers = Answers(self.call.request.id, reply.valued, self.version.valuing)
        if reply.is_last:
            self.served.is_whole = not reply.is_broken
        return reply


class Pieces(StreamingResponse):
    """An answer as its pieces come. A client that goes away stops the writing; so does whatever else ends it."""

    def __init__(self, first: Reply, asked: _Asked) -> None:
        super().__init__(self._written(first, asked), first.status, headers=dict(first.headers))
        self._asked, self._served = asked, asked.served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces until the last one, or until the client goes away."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._asked.call.close()
            self._asked.charge()
            if not self._served.measured.ended:  # cut off: what was written until then is counted and booked
                self._served.measured = replace(self._served.measured, ended=LEFT)

    async def _written(self, first: Reply, asked: _Asked) -> AsyncIterator[bytes]:
        yield first.body
        try:
            async for reply in asked.rest():
                if reply.is_broken:
                    raise ConnectionError("the answer broke off")
                yield reply.body
        except HTTPError as error:  # the model died; no status says it any more
            last = asked.operation.broken_off(error, first.headers.get("content-type", ""))
            if last is None:
                raise ConnectionError("the answer broke off") from error
            yield last


def _gone() -> HTTPError:
    """Return the error of a request whose client has gone: it stands in the log alone."""
    return HTTPError(UserError("the client went away before its answer"), code=GONE)


def as_request(http: HTTPRequest, operation: str, body: bytes, seconds: float = 0.0) -> Request:
    """Return what is handed on of a request over HTTP."""
    state: Mapping[str, Any] = http.scope.get("state", {})
    client = state.get("client") or (http.client.host if http.client else "")
    query: dict[str, list[str]] = {}
    for name, value in http.query_params.multi_items():
        query.setdefault(name, []).append(value)
    headers = {name: http.headers[name] for name in KEPT_HEADERS if name in http.headers}
    path = {name: str(value) for name, value in http.path_params.items()}
    return Request(operation, body, headers, path, query, client, seconds, str(state.get("request_id", "")))


def as_response(reply: Reply) -> Response:
    """Return a whole reply as a response."""
    return Response(reply.body, reply.status, dict(reply.headers))
