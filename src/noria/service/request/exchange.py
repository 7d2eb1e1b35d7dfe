"""What passes between the process that listens and one that runs a model: a request, and the replies to it.

Nothing here is read or decoded but the JSON of a frame's head: what a client sent is understood by the model's process
alone, which may die of it. No pickle, so that neither process can make the other run anything.

    frame    length of the head (4 bytes, big-endian), of the body (4), head (JSON, UTF-8), body (bytes)
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, replace
from functools import cached_property
from http import HTTPStatus
from typing import Any

from python_multipart.multipart import parse_options_header

from noria.errors import UserError
from noria.ledger.answers import Valued
from noria.service.request.form import Part, parse_form
from noria.service.request.http_error import HTTPError, json_bytes, shown
from noria.service.request.json_text import parse_json
from noria.service.request.limits import Limits

JSON, FORM = "application/json", "multipart/form-data"
LENGTHS = struct.Struct(">II")
MOST_HEAD = 1 << 20  # bytes of a frame's head
KEPT_HEADERS = ("accept", "content-type", "inference-header-content-length")


@dataclass(frozen=True)
class Request:
    """What a client sent, whole. `operation` names what it is for; `client` is whose turn it takes."""

    operation: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)  # KEPT_HEADERS alone, by lower-case names
    path: Mapping[str, str] = field(default_factory=dict)  # what the path's placeholders stand for
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    client: str = ""
    seconds: float = 60.0  # from its arrival until nobody waits for the answer any more
    id: str = ""

    @cached_property
    def kind(self) -> str:
        """Return the body's content type, without parameters, in lower case."""
        return parse_options_header(self.headers.get("content-type", ""))[0].decode("latin-1")

    def json(self, limits: Limits) -> Any:
        """Return the body as JSON; raise HTTPError where it is none (415 for another content type)."""
        self.check_kind(JSON)
        return parse_json(self.body, limits)

    def form(self, limits: Limits) -> list[Part]:
        """Return the parts of the body's form; raise HTTPError where it is none."""
        self.check_kind(FORM)
        _, options = parse_options_header(self.headers.get("content-type", ""))
        return parse_form(self.body, options.get(b"boundary", b""), limits)

    def check_kind(self, *kinds: str) -> None:
        """Raise HTTPError (415) unless the body is of one of these content types."""
        if self.kind not in kinds:
            error = UserError(
                "a body of this kind is not read",
                expected=f"Content-Type: {' or '.join(kinds)}",
                found=shown(self.headers.get("content-type", "")),
            )
            raise HTTPError(error, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code="unsupported_type")


@dataclass(frozen=True)
class Measured:
    """What a request cost, by the clock of the model's process: of its last reply.

    batch           records that were answered together with its first
    model_seconds   in the model, with those that shared its batches; of a written answer from its prompt to its end
    queue_seconds   from its arrival until the model began on it
    prompt_seconds  of a written answer: from then on until its first token
    ended           of a written answer: end, stop, length or error; left where its client went away
    own_seconds     of model_seconds, its share where the model answered others at the same time
    """

    records: int = 0
    batch: int = 0
    model_seconds: float = 0.0
    queue_seconds: float = 0.0
    prompt_seconds: float = 0.0
    ended: str = ""
    own_seconds: float = 0.0


@dataclass(frozen=True)
class Reply:
    """An answer, or a piece of one: the first has the status and the headers, the last has `is_last`.

    tokens: how many the request took and gave so far, for rate limits, metrics and the ledger. valued: the answers to
    its records, where they are worth something.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": JSON})
    is_last: bool = True
    tokens: tuple[int, int] = (0, 0)
    measured: Measured = Measured()
    valued: Valued | None = None
    is_broken: bool = False  # the answer ends here though it is not whole: the connection is cut

    @classmethod
    def json(cls, content: object, status: int = 200) -> Reply:
        """Return a whole answer in JSON."""
        return cls(json_bytes(content), status)

    @classmethod
    def refusal(cls, error: HTTPError) -> Reply:
        """Return the answer of a request that is not answered, in the usual shape."""
        return cls(json_bytes(error.content()), error.status, {"content-type": JSON, **error.headers})


def request_frame(number: int, request: Request) -> bytes:
    """Return the frame of a request."""
    head = asdict(replace(request, body=b""))
    del head["body"]
    return frame({"do": "answer", "number": number, **head}, request.body)


def request_of(head: Mapping[str, Any], body: bytes) -> Request:
    """Return the request of a frame."""
    return Request(body=body, **{name: value for name, value in head.items() if name not in ("do", "number")})


def reply_frame(number: int, reply: Reply) -> bytes:
    """Return the frame of a reply."""
    head: dict[str, Any] = {"do": "reply", "number": number, "status": reply.status, "headers": dict(reply.headers)}
    head |= {"is_last": reply.is_last, "is_broken": reply.is_broken}
    if reply.valued is not None:
        head["valued"] = asdict(reply.valued)
    return frame(head | {"tokens": reply.tokens, "measured": astuple(reply.measured)}, reply.body)


def reply_of(head: Mapping[str, Any], body: bytes) -> Reply:
    """Return the reply of a frame."""
    tokens, measured = head.get("tokens", (0, 0)), Measured(*head.get("measured", ()))
    valued = Valued(**head["valued"]) if "valued" in head else None
    return Reply(
        body, head["status"], head["headers"], head["is_last"], tuple(tokens), measured, valued, head["is_broken"]
    )


def frame(head: Mapping[str, Any], body: bytes = b"") -> bytes:
    """Return a frame."""
    packed = json_bytes(head)
    return LENGTHS.pack(len(packed), len(body)) + packed + body


def head_of(data: bytes) -> dict[str, Any]:
    """Return the head of a frame."""
    return dict(json.loads(data))
