"""multipart/form-data from strangers, read by Starlette within our limits.

Starlette takes a form that was cut off for a whole one, reads what is not UTF-8 as Latin-1, bounds no file and writes
large ones to disk. Here a form needs its last boundary, texts are UTF-8, files have a limit and stay in memory.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from noria.errors import UserError
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits

_PIECE_BYTES = 1 << 16
_BOUNDARY = re.compile(rb"[\w'()+,./:=? -]{1,250}", re.ASCII)  # the characters of RFC 2046
_PLAIN = ("", "7bit", "8bit", "binary")


@dataclass(frozen=True)
class Part:
    """One part: bytes where it has a file name, else text. The file name itself is never used."""

    name: str
    value: bytes | str


def parse_form(data: bytes | bytearray, boundary: bytes, limits: Limits) -> list[Part]:
    """Return the parts in order; raise HTTPError where the form is broken or larger than it may be."""
    if not _BOUNDARY.fullmatch(boundary):
        raise _broken("the boundary in Content-Type is missing or not one")
    try:
        return asyncio.run(_parts(data, boundary, limits))  # a loop of its own: this is the worker's thread
    except MultiPartException as error:
        is_limit = error.message.startswith("Too many") or "exceeded maximum" in error.message
        raise _too_large(error.message) if is_limit else _broken(error.message) from error


async def _parts(data: bytes | bytearray, boundary: bytes, limits: Limits) -> list[Part]:
    # Latin-1 keeps every byte, so that _text can tell what is UTF-8 and what is not.
    kind = b'multipart/form-data; charset=latin-1; boundary="%b"' % boundary
    parser = MultiPartParser(
        Headers(raw=[(b"content-type", kind)]),
        _pieces(data, boundary),
        max_files=limits.form_files,
        max_fields=limits.form_fields,
        max_part_size=limits.part_bytes,
    )
    parser.spool_max_size = len(data)
    form = await parser.parse()
    try:
        return [Part(_text(name), _value(value, limits)) for name, value in form.multi_items()]
    finally:
        await form.close()


async def _pieces(data: bytes | bytearray, boundary: bytes) -> AsyncGenerator[bytes]:
    """Yield the form; raise HTTPError after a cut-off one, upon which the parser closes its files."""
    for start in range(0, len(data), _PIECE_BYTES):
        yield bytes(data[start : start + _PIECE_BYTES])
    last = b"--%b--" % boundary
    if not data.startswith(last) and b"\r\n" + last not in data:
        raise _broken("it ends before its last boundary")


def _value(value: UploadFile | str, limits: Limits) -> bytes | str:
    if isinstance(value, str):
        return _text(value)
    if value.headers.get("content-transfer-encoding", "").strip().lower() not in _PLAIN:
        raise _broken("a part has a Content-Transfer-Encoding, which RFC 7578 forbids")
    if (value.size or 0) > limits.part_bytes:
        raise _too_large(f"A file is larger than {limits.part_bytes} bytes.")
    return value.file.read()


def _text(latin: str) -> str:
    try:
        return latin.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError as error:
        raise _broken("a name or a text is not UTF-8") from error


def _broken(reason: str) -> HTTPError:
    return HTTPError(UserError(f"this form cannot be read: {reason}", where="body"), code="not_a_form")


def _too_large(reason: str) -> HTTPError:
    error = UserError("the form is larger than it may be", where="body", found=reason)
    return HTTPError(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large")
