"""Reading what a client sends: counted byte by byte, within a time, and never more than it may be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from noria.errors import UserError
from noria.service.http_error import HTTPError
from noria.service.limits import Limits
from noria.service.room import Room


@asynccontextmanager
async def body_of(request: Request, limits: Limits, room: Room) -> AsyncIterator[bytearray]:
    """Yield the request's whole body, which counts as held until the block ends.

    Raises HTTPError: 413 too large, 408 too slow, 503 no room, 400 the client went away.
    """
    body = bytearray()  # and not a list of chunks: a chunk of one byte would cost forty
    try:
        await _read_in_time(request, limits, room, body)
        yield body
    finally:
        room.release(len(body))


async def _read_in_time(request: Request, limits: Limits, room: Room, body: bytearray) -> None:
    try:
        async with asyncio.timeout(limits.body_seconds):
            await _read(request, limits, room, body)
    except TimeoutError as error:
        slow = UserError(f"the request took longer than {limits.body_seconds:g} seconds to arrive")
        raise HTTPError(slow, HTTPStatus.REQUEST_TIMEOUT, code="too_slow") from error
    except ClientDisconnect as error:
        gone = UserError("the client went away before its request was whole")
        raise HTTPError(gone, code="disconnected") from error


async def _read(request: Request, limits: Limits, room: Room, body: bytearray) -> None:
    promised = request.headers.get("content-length", "")
    if promised.isdecimal() and (len(promised) > 19 or int(promised) > limits.body_bytes):
        raise _too_large(limits)
    async for chunk in request.stream():
        if len(body) + len(chunk) > limits.body_bytes:
            raise _too_large(limits)
        room.hold(len(chunk))
        body += chunk


def _too_large(limits: Limits) -> HTTPError:
    error = UserError(
        "the request is too large",
        expected=f"at most {limits.body_bytes} bytes",
        fix="send fewer records at a time, or smaller files",
    )
    return HTTPError(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large")


class CloseUnread:
    """Close the connection after an answer that came before the whole request was read.

    Otherwise a refused client could go on sending for ever, and a kept-alive connection would have to swallow it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_read = not any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in scope["headers"]
        )

        async def noting() -> Message:
            nonlocal is_read
            message = await receive()
            is_read = is_read or not message.get("more_body", False)
            return message

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and not is_read:
                message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
            await send(message)

        await self.app(scope, noting, closing)
