"""Bodies that a client has packed, as Triton's and other clients send them: unpacked to no more than a body may be."""

from __future__ import annotations

import asyncio
import zlib
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from starlette.requests import Request

from noria.errors import UserError
from noria.service.request.http_error import HTTPError, shown
from noria.service.request.limits import Limits

MOST_MEMBERS = 256  # that gzip allows one after another: the rest of a body is copied for each of them
_UNPACKERS = ThreadPoolExecutor(2, "unpack")  # starts its threads when they are needed
_PLAIN = ("", "identity")
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # of zlib: 31 is gzip's head and tail, 15 those of zlib


def packing_of(request: Request) -> str | None:
    """Return how a body is packed, None where it is not; raise HTTPError (415) where that is not known."""
    packing = ", ".join(request.headers.getlist("content-encoding")).strip().lower()
    if packing in _PLAIN:
        return None
    if packing not in _WINDOW_BITS:
        error = UserError(
            "a body that is packed in this way is not read",
            where="Content-Encoding",
            expected="gzip, deflate or identity",
            found=shown(packing),
        )
        raise HTTPError(error, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code="unsupported_type")
    return packing


async def unpacked_apart(body: bytearray, packing: str, limits: Limits) -> bytearray:
    """Return what `unpacked` does, while the loop goes on: few at a time, so that others keep their threads."""
    return await asyncio.get_running_loop().run_in_executor(_UNPACKERS, unpacked, body, packing, limits)


def unpacked(body: bytearray, packing: str, limits: Limits) -> bytearray:
    """Return what a body holds; raise HTTPError where it is broken, or where it would be larger than a body may be."""
    plain = bytearray()
    rest = bytes(body)
    for _ in range(MOST_MEMBERS):
        unpacker = zlib.decompressobj(_WINDOW_BITS[packing])
        try:
            plain += unpacker.decompress(rest, limits.body_bytes + 1 - len(plain))
        except zlib.error as error:
            raise _broken(packing, str(error)) from error
        if len(plain) > limits.body_bytes:
            raise _too_large(limits)
        if not unpacker.eof:
            raise _broken(packing, "it ends too early")
        rest = b"" if packing == "deflate" else unpacker.unused_data
        if not rest:
            return plain
    raise _broken(packing, f"it is packed in more than {MOST_MEMBERS} pieces")


def _broken(packing: str, reason: str) -> HTTPError:
    error = UserError(f"the body is no whole {packing}", where="body", found=reason)
    return HTTPError(error, code="not_packed")


def _too_large(limits: Limits) -> HTTPError:
    error = UserError("the request is too large when it is unpacked", expected=f"at most {limits.body_bytes} bytes")
    return HTTPError(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large")
