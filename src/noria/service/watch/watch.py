"""The outermost layer of the application: it makes a Visit of each request and tells those who write of visits.

It also gives each request its id, which goes back to the client in `x-request-id` and stands in every line about it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from noria.service.watch.visit import KEY, Visit

logger = logging.getLogger(__name__)


class Observer(Protocol):
    """Writes of visits. It must be quick and never fail: it runs in the event loop."""

    def note(self, visit: Visit) -> None:
        """Take notice of a visit that is over."""


class Watch:
    """Let every request through to `app`, and tell the observers of it when it is over."""

    def __init__(self, app: ASGIApp, observers: Sequence[Observer]) -> None:
        self.app, self._observers = app, observers
        self.in_flight: dict[Visit, None] = {}  # in the order of their beginning

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = Visit(scope)
        scope.setdefault("state", {})[KEY] = visit
        self.in_flight[visit] = None
        try:
            await self.app(scope, _counting(receive, visit), _noting(send, visit))
        except Exception:
            # The server closes the connection of an answer that is not whole. Its own trace would not name the request.
            logger.exception("request %s is broken off by an error", visit.id)
            visit.status = visit.status or 500
        finally:
            del self.in_flight[visit]
            visit.end(scope)
            for observer in self._observers:
                observer.note(visit)


def _counting(receive: Receive, visit: Visit) -> Receive:
    async def counted() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            visit.received_bytes += len(message.get("body", b""))
        return message

    return counted


def _noting(send: Send, visit: Visit) -> Send:
    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            visit.status = message["status"]
            headers = [pair for pair in message.get("headers", []) if pair[0].lower() != b"x-request-id"]
            message = {**message, "headers": [*headers, (b"x-request-id", visit.id.encode())]}
        elif message["type"] == "http.response.body":
            visit.sent_bytes += len(message.get("body", b""))
        await send(message)

    return noted
