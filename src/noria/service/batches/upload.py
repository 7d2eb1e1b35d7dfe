"""A form with a file, as it comes: texts are kept, the file goes to the disk piece by piece, and nothing is held.

service/request/form.py reads forms of records, which have to be whole in memory.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from types import TracebackType

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest

from noria.database.home import ADVICE
from noria.errors import UserError
from noria.service.door.packed import packing_of
from noria.service.request.exchange import FORM
from noria.service.request.http_error import HTTPError, shown
from noria.service.request.limits import Limits
from noria.store.disk import making_room, plain_disk_errors

AT_ONCE = 1 << 18  # bytes that are parsed at a time
TEXT_BYTES = 4096
MOST_TEXTS = 16
KEPT_FREE = 1 << 28  # bytes of the disk that no upload takes


class Form:
    """What was sent: texts by their names, and a file at `path` with its name. A broken-off one leaves nothing."""

    def __init__(self, boundary: bytes, path: Path, limits: Limits) -> None:
        self.path, self._limits = path, limits
        self.texts: dict[str, str] = {}
        self.filename: str | None = None
        self.bytes = 0
        self.is_whole = False
        self._header, self._value, self._disposition = b"", b"", b""
        self._name, self._is_file, self._text = "", False, bytearray()
        with making_room(path, ADVICE):
            self._file = path.open("xb")
        on = {
            "on_part_begin": self._begin,
            "on_header_field": self._take_header,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._take_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }
        self._parser = MultipartParser(boundary, on)  # type: ignore[arg-type]

    def __enter__(self) -> Form:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._file.close()
        if kind is not None:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Take what has come; raise HTTPError where it is broken, or larger than it may be."""
        try:
            with plain_disk_errors(self.path, ADVICE):
                self._parser.write(data)
        except FormParserError as error:
            raise broken(str(error)) from error

    def finish(self) -> None:
        """Wait until the file is on the disk; raise HTTPError where the form is not whole."""
        if not self.is_whole:
            raise broken("it ends before its last boundary")
        with plain_disk_errors(self.path, ADVICE):
            self._file.flush()
            os.fsync(self._file.fileno())

    def _begin(self) -> None:
        self._header = self._value = self._disposition = b""
        self._text = bytearray()

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = _utf8(options.get(b"name", b""))
        self._is_file = b"filename" in options
        if self._is_file and (self._name != "file" or self.filename is not None):
            raise broken("it holds another file than one named 'file'")
        if self._is_file:
            self.filename = _utf8(options[b"filename"])[-255:] or "file"
            if not self.filename.isprintable():
                raise broken("the file's name holds what cannot be shown")
        elif len(self.texts) >= MOST_TEXTS or self._name in self.texts:
            raise broken(f"it holds {shown(self._name)!r} twice, or too many fields")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self._text += data[start:end]
            if len(self._text) > TEXT_BYTES:
                raise too_large(f"{shown(self._name)} is longer than {TEXT_BYTES} bytes")
            return
        self.bytes += end - start
        if self.bytes > self._limits.file_bytes:
            raise too_large(f"more than {self._limits.file_bytes} bytes")
        self._file.write(data[start:end])

    def _end_part(self) -> None:
        if not self._is_file:
            self.texts[self._name] = _utf8(bytes(self._text))

    def _end(self) -> None:
        self.is_whole = True


async def receive(http: HTTPRequest, form: Form, limits: Limits) -> None:
    """Take a form as it comes, while the loop goes on; raise HTTPError."""
    gathered = bytearray()
    async for data in _pieces(http, limits):
        gathered += data
        if len(gathered) >= AT_ONCE:
            _check_disk(form.path)
            await asyncio.to_thread(form.write, bytes(gathered))
            gathered.clear()
    await asyncio.to_thread(form.write, bytes(gathered))
    await asyncio.to_thread(form.finish)


def boundary_of(http: HTTPRequest) -> bytes:
    """Return the boundary of a form; raise HTTPError (415) for another body, or one that is packed."""
    kind, options = parse_options_header(http.headers.get("content-type", ""))
    if kind != FORM.encode() or packing_of(http) is not None:
        found = http.headers.get("content-encoding") or http.headers.get("content-type", "")
        error = UserError("a body of this kind is not read", expected=f"Content-Type: {FORM}", found=shown(found))
        raise HTTPError(error, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code="unsupported_type")
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 250:
        raise broken("the boundary in Content-Type is missing or not one")
    return boundary


async def _pieces(http: HTTPRequest, limits: Limits) -> AsyncIterator[bytes]:
    """Yield the body; raise HTTPError where no byte of it comes for too long, or where the client goes away."""
    stream = aiter(http.stream())
    try:
        while True:
            async with asyncio.timeout(limits.stall_seconds):
                data = await anext(stream, None)
            if data is None:
                return
            yield data
    except TimeoutError as error:
        slow = UserError("the file stopped arriving", expected=f"never {limits.stall_seconds:g} s without a byte")
        raise HTTPError(slow, HTTPStatus.REQUEST_TIMEOUT, code="too_slow") from error
    except ClientDisconnect as error:
        raise HTTPError(UserError("the client went away before its file was whole"), code="disconnected") from error


def _check_disk(path: Path) -> None:
    if shutil.disk_usage(path.parent).free < KEPT_FREE:
        error = UserError("the server's disk is nearly full", fix="delete files, or ask whoever runs the server")
        raise HTTPError(error, HTTPStatus.INSUFFICIENT_STORAGE, code="disk_full")


def broken(reason: str) -> HTTPError:
    """Return the error of a form that cannot be read."""
    return HTTPError(UserError(f"this form cannot be read: {reason}", where="body"), code="not_a_form")


def too_large(reason: str) -> HTTPError:
    """Return the error of a file that is larger than it may be."""
    error = UserError("the file is larger than it may be", expected="see Limits in the documents", found=reason)
    return HTTPError(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large", param="file")


def _utf8(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise broken("a name or a text is not UTF-8") from error
