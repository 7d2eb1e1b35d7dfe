"""The outermost layer of the application: it makes a Visit of each request and tells those who write of visits.

It also gives each request its id, which goes back to the client in `x-request-id` and stands in every line about it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from noria.service.request.http_error import broken
from noria.service.watch.visit import Visit

_log = logging.getLogger(__name__)
InFlight = dict[Visit, None]  # in the order of their beginning


class Observer(Protocol):
    """Writes of visits. It must be quick and never fail: it runs in the event loop."""

    def note(self, visit: Visit) -> None:
        """Take notice of a visit that is over."""


class Watch:
    """Let every request through to `app`, and tell the observers of it when it is over.

    book: called before the last bytes of an answer go out, and again when the request is over.
    """

    def __init__(
        self, app: ASGIApp, observers: Sequence[Observer], in_flight: InFlight,
        book: Callable[[Scope], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self.app, self._observers, self._in_flight, self._book = app, observers, in_flight, book

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = Visit(scope)
        scope.setdefault("state", {})["request_id"] = visit.id
        self._in_flight[visit] = None
        send = _noting(send, visit, lambda: self._book(scope))
        try:
            await self.app(scope, _counting(receive, visit), send)
        except ClientDisconnect:
            visit.is_whole = False
        except Exception as error:  # noqa: BLE001  # told here, for the server's own word of it names no request
            await _broken_off(error, visit, scope, receive, send)
        finally:
            del self._in_flight[visit]
            self._book(scope)
            visit.end(scope)
            for observer in self._observers:
                observer.note(visit)


async def _broken_off(error: Exception, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
    """Say nothing about a bug to the client. Of an answer that has begun, the server closes the connection."""
    if isinstance(error, ConnectionError):
        _log.warning("the answer to request %s broke off: %s", visit.id, error)
    else:
        _log.error("request %s is broken off by an error", visit.id, exc_info=error)
    visit.is_broken = True
    if not visit.status:
        await broken().response()(scope, receive, send)


def _counting(receive: Receive, visit: Visit) -> Receive:
    async def counted() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            visit.received_bytes += len(message.get("body", b""))
        return message

    return counted


def _noting(send: Send, visit: Visit, book: Callable[[], None]) -> Send:
    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            visit.status = message["status"]
            headers = [pair for pair in message.get("headers", []) if pair[0].lower() != b"x-request-id"]
            message = {**message, "headers": [*headers, (b"x-request-id", visit.id.encode())]}
        elif message["type"] == "http.response.body":
            visit.sent_bytes += len(message.get("body", b""))
            if not message.get("more_body"):
                book()
        await send(message)

    return noted
