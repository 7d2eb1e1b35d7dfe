"""The answer of a line, as it stands in the file of answers or of errors:

{"id": "batch_../7", "custom_id": "a", "error": null,
     "response": {"status_code": 200, "request_id": "batch_../7", "body": {..}}}
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from http import HTTPStatus

from noria.ledger.till import Answers
from noria.service.batches.lines import Line
from noria.service.fleet.models import Version
from noria.service.request.exchange import Measured, Reply
from noria.service.request.http_error import json_bytes


@dataclass(frozen=True)
class Answer:
    """A line of an output. packed: its JSON, compressed. The others: of a model's answer.

    kept: its answers to records, by REQUEST-ID/INDEX as those that are served, where they are worth something.
    """

    number: int
    is_error: bool
    packed: bytes
    version: str = ""
    tokens: tuple[int, int] = (0, 0)
    measured: Measured = field(default_factory=Measured)
    kept: Answers | None = None


def name_of(batch_id: str, number: int) -> str:
    """Return the id of a line's answer, by which feedback names it."""
    return f"{batch_id}/{number}"


def answer_of(batch_id: str, line: Line, reply: Reply, version: Version) -> Answer:
    """Return the answer that a model gave, whose body stands in it as it is."""
    source = name_of(batch_id, line.number)
    name = json.dumps(source)
    kept = None if reply.valued is None else Answers(source, reply.valued, version.valuing)
    head = f'{{"id":{name},"custom_id":{json.dumps(line.custom_id)},"response":{{"status_code":{int(reply.status)},'
    whole = f'{head}"request_id":{name},"body":'.encode() + reply.body + b'},"error":null}'
    is_error, packed = reply.status != HTTPStatus.OK, zlib.compress(whole, 1)
    return Answer(line.number, is_error, packed, version.name, reply.tokens, reply.measured, kept)


def unanswered(batch_id: str, line: Line, code: str, message: str) -> Answer:
    """Return what is told of a line that no model has answered."""
    error = {"code": code, "message": message}
    content = {"id": name_of(batch_id, line.number), "custom_id": line.custom_id, "response": None, "error": error}
    return Answer(line.number, True, zlib.compress(json_bytes(content), 1))
