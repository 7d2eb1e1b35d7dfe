"""Reading what a client sends: counted byte by byte, within a time, and never more than it may be; unpacked too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from noria.errors import UserError
from noria.service.door.packed import packing_of, unpacked_apart
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits


class Holder(Protocol):
    """What counts the bytes of all requests that are not answered yet."""

    def hold(self, num_bytes: int) -> None:
        """Count bytes; raise HTTPError (503) where they are too many in all."""

    def release(self, num_bytes: int) -> None:
        """Count bytes off again."""


@asynccontextmanager
async def body_of(request: Request, limits: Limits, holder: Holder) -> AsyncIterator[bytearray]:
    """Yield the request's whole body, unpacked, which counts as held until the block ends.

    Raises HTTPError: 413 too large, 408 too slow, 415 packed in an unknown way, 503 no room, 400 the client went away.
    """
    packing = packing_of(request)
    body = bytearray()  # and not a list of chunks: a chunk of one byte would cost forty
    held = 0
    try:
        try:
            await _read_in_time(request, limits, holder, body)
        finally:
            held = len(body)
        if packing is not None:
            plain = await unpacked_apart(body, packing, limits)
            holder.hold(len(plain))
            held += len(plain)
            body = plain
        yield body
    finally:
        holder.release(held)


async def _read_in_time(request: Request, limits: Limits, holder: Holder, body: bytearray) -> None:
    end = asyncio.get_running_loop().time() + limits.body_seconds
    try:
        async with asyncio.timeout(min(limits.body_seconds, limits.stall_seconds)) as deadline:
            await _read(request, limits, holder, body, deadline, end)
    except TimeoutError as error:
        slow = UserError(
            "the request took too long to arrive",
            expected=f"all of it within {limits.body_seconds:g} seconds, never {limits.stall_seconds:g} without a byte",
        )
        raise HTTPError(slow, HTTPStatus.REQUEST_TIMEOUT, code="too_slow") from error
    except ClientDisconnect as error:
        gone = UserError("the client went away before its request was whole")
        raise HTTPError(gone, code="disconnected") from error


async def _read(
    request: Request, limits: Limits, holder: Holder, body: bytearray, deadline: asyncio.Timeout, end: float
) -> None:
    promised = request.headers.get("content-length", "")
    if promised.isdecimal() and (len(promised) > 19 or int(promised) > limits.body_bytes):
        raise too_large(limits)
    loop = asyncio.get_running_loop()
    async for chunk in request.stream():
        if len(body) + len(chunk) > limits.body_bytes:
            raise too_large(limits)
        holder.hold(len(chunk))
        body += chunk
        deadline.reschedule(min(end, loop.time() + limits.stall_seconds))


def too_large(limits: Limits) -> HTTPError:
    """Return the error of a body that is larger than it may be."""
    error = UserError(
        "the request is too large",
        expected=f"at most {limits.body_bytes} bytes",
        fix="send fewer records at a time, or smaller files",
    )
    return HTTPError(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large")


class CloseUnread:
    """Close the connection after an answer that came before the whole request was read.

    Otherwise a refused client could go on sending for ever, and a kept-alive connection would have to swallow it. After
    a request with two lengths too: to a proxy that goes by the other one, what follows is none (RFC 9112, 6.1).
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_framed_twice = {b"transfer-encoding", b"content-length"} <= {name for name, _ in scope["headers"]}
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
            if message["type"] == "http.response.start" and (is_framed_twice or not is_read):
                message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
            await send(message)

        await self.app(scope, noting, closing)
