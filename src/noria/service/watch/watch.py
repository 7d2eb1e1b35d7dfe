"""The outermost layer of the application: it makes a Call of each request and tells those who write of calls.

It also gives each request its id, which goes back to the client in `x-request-id` and stands in every line about it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from noria.service.watch.call import KEY, Call

logger = logging.getLogger(__name__)


class Observer(Protocol):
    """Writes of calls. It must be quick and never fail: it runs in the event loop."""

    def note(self, call: Call) -> None:
        """Take notice of a call that is over."""


class Watch:
    """Let every request through to `app`, and tell the observers of it when it is over."""

    def __init__(self, app: ASGIApp, observers: Sequence[Observer]) -> None:
        self.app, self._observers = app, observers
        self.in_flight: dict[Call, None] = {}  # in the order of their beginning

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = Call(scope)
        scope.setdefault("state", {})[KEY] = call
        self.in_flight[call] = None
        try:
            await self.app(scope, _counting(receive, call), _noting(send, call))
        except Exception:
            # The server closes the connection of an answer that is not whole. Its own trace would not name the request.
            logger.exception("request %s is broken off by an error", call.id)
            call.status = call.status or 500
        finally:
            del self.in_flight[call]
            call.end(scope)
            for observer in self._observers:
                observer.note(call)


def _counting(receive: Receive, call: Call) -> Receive:
    async def counted() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            call.received_bytes += len(message.get("body", b""))
        return message

    return counted


def _noting(send: Send, call: Call) -> Send:
    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            call.status = message["status"]
            headers = [pair for pair in message.get("headers", []) if pair[0].lower() != b"x-request-id"]
            message = {**message, "headers": [*headers, (b"x-request-id", call.id.encode())]}
        elif message["type"] == "http.response.body":
            call.sent_bytes += len(message.get("body", b""))
        await send(message)

    return noted
