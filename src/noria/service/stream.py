"""One answer as it is written: server-sent events, a JSON object each; the last has `ended`.

    data: {"text":"A water"}
    data: {"text":" wheel.","ended":"end","logprobs":[-0.2,-1.3]}
    data: {"text":"","ended":"error","error":{"message":..}}        where it breaks off: what came is not the whole

or, to who asks for it by Accept, the bytes of the file that the answer is.

Each piece is a job of its own in the worker's thread, so that others are answered in between; a client that goes away
stops the writing. Knows no target. Read next: worker.py, model/generation/sampling.py.
"""

from __future__ import annotations

import logging
import re
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import AsyncIterator, Generator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from noria.errors import UserError
from noria.service.http_error import HTTPError, broken, json_bytes, raise_all, shown
from noria.service.inputs import Input, stream_schema
from noria.service.json_text import parse_json
from noria.service.limits import Limits
from noria.service.openapi import body_of_json
from noria.service.records import checked, unknown_fields
from noria.service.worker import Worker
from noria.types import Chunk

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StreamRequest:
    """What a client asks for: the record, and how its answer is to be written."""

    record: dict[str, Any]
    settings: dict[str, Any]


def stream_api(inputs: list[Input], settings: dict[str, Any], files: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the API's description says of POST /stream.

    settings: the schema of what may be set; files: of an answer that is sent as a file.
    """
    schema = stream_schema(inputs, settings)
    return {
        "requestBody": body_of_json(schema),
        "responses": {"200": {"description": "server-sent events", "content": {EventStream.media_type: {}, **files}}},
    }


def parse_stream_request(body: bytearray, inputs: list[Input], limits: Limits) -> StreamRequest:
    """Return what a body asks for; raise HTTPError naming what is wrong with it."""
    value = parse_json(body, limits)
    if not isinstance(value, dict) or not isinstance(value.get("settings", {}), dict) or "record" not in value:
        error = UserError(
            "this is not a request for one answer",
            where="body",
            expected='{"record": {..}, "settings": {..}}',
            found=shown(value if not isinstance(value, dict) else ", ".join(map(shown, value)) or "no fields"),
        )
        raise HTTPError(error, code="wrong_type")
    raise_all(unknown_fields(value, ["record", "settings"], "body"))
    try:
        record = checked([value["record"]], inputs)[0]
    except HTTPError as wrong:
        raise _placed(wrong) from None
    settings = value.get("settings", {})
    asked = settings.get("max_tokens")
    if isinstance(asked, int | float) and asked > limits.answer_tokens:
        error = UserError(
            "the answer may be too long",
            where="max_tokens",
            expected=f"at most {limits.answer_tokens}",
            found=str(asked),
        )
        raise HTTPError(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large", param="settings.max_tokens")
    return StreamRequest(record, settings)


def first_of(pieces: Generator[Chunk]) -> Chunk:
    """Return the first piece; raise HTTPError where the record or a setting cannot be used."""
    try:
        return next(pieces)
    except UserError as error:
        if error.where.startswith("record"):
            raise HTTPError(error, HTTPStatus.UNPROCESSABLE_ENTITY, code="unusable_record", param="record") from error
        param = f"settings.{error.where}" if error.where else "settings"
        raise HTTPError(error, code="unusable_setting", param=param) from error


class PieceStream(StreamingResponse, ABC):
    """An answer, piece by piece. Its place in the worker is given back whatever happens, also where nobody listens."""

    def __init__(self, first: Chunk, pieces: Generator[Chunk], worker: Worker, media_type: str) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the latter: a proxy must not hold it back
        super().__init__(self._written(first, pieces, worker), headers=headers, media_type=media_type)
        self._pieces, self._worker = pieces, worker

    @abstractmethod
    def write(self, piece: Chunk) -> bytes:
        """Return what is sent of a piece."""

    @abstractmethod
    def write_error(self, error: Exception) -> bytes:
        """Return what is sent last where the answer breaks off; raise the error where nothing can be said of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces until the last one, or until the client goes away."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._worker.end_stream(self._pieces)

    async def _written(self, first: Chunk, pieces: Generator[Chunk], worker: Worker) -> AsyncIterator[bytes]:
        piece: Chunk | None = first
        while piece is not None:
            yield self.write(piece)
            if piece.ended:
                return
            try:
                piece = await worker.go_on(lambda: next(pieces, None))
            except Exception as error:  # noqa: BLE001  # the answer has begun: no status says it any more
                yield self.write_error(error)
                return


class EventStream(PieceStream):
    """The pieces as events."""

    media_type = "text/event-stream"

    def __init__(self, first: Chunk, pieces: Generator[Chunk], worker: Worker) -> None:
        super().__init__(first, pieces, worker, self.media_type)

    def write(self, piece: Chunk) -> bytes:
        """Return a piece as an event."""
        return _event(piece)

    def write_error(self, error: Exception) -> bytes:
        """Return an event that says why, as a refusal does; the trace of a bug goes to the server's log alone."""
        if isinstance(error, UserError):
            refusal = HTTPError(error, HTTPStatus.UNPROCESSABLE_ENTITY, code="unusable_record", param="record")
        else:
            _log.error("an answer broke off while it was sent", exc_info=error)
            refusal = broken()
        return b"data: %b\n\n" % json_bytes({"text": "", "ended": "error", **refusal.content()})


class FileStream(PieceStream):
    """The pieces as the bytes of one file."""

    def write_error(self, error: Exception) -> bytes:
        """Raise the error: a file has no place to say it, and a client sees that the transfer did not end."""
        raise error

    def write(self, piece: Chunk) -> bytes:
        """Return a piece as it is."""
        return piece.content if isinstance(piece.content, bytes) else piece.content.encode()


def _event(piece: Chunk) -> bytes:
    new = piece.content
    event: dict[str, Any] = {"text": new} if isinstance(new, str) else {"base64": b64encode(new).decode("ascii")}
    if piece.ended:
        event |= {"ended": piece.ended, "logprobs": piece.logprobs} | ({"note": piece.note} if piece.note else {})
    return b"data: %b\n\n" % json_bytes(event)


def _placed(wrong: HTTPError) -> HTTPError:
    """Return the error of the only record with its place in this request."""
    param = None if wrong.param is None else re.sub(r"^records\[0\]", "record", wrong.param)
    return HTTPError(wrong.error, wrong.status, code=wrong.code, param=param, headers=wrong.headers)
