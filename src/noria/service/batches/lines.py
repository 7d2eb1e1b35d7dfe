"""A file of requests, a line of JSON each, as OpenAI's batches have them:

    {"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": {"model": "vectors", "input": "..."}}

A line asks for a path that is asked live, and for nothing else: no address, no query. Read next: line.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from starlette.routing import compile_path

from noria.errors import UserError, UserErrors
from noria.service.asking.operation import JSON, Operation, Request
from noria.service.dialects.all import OPERATIONS
from noria.service.dialects.openai.body import Body
from noria.service.request.http_error import HTTPError, json_bytes, raise_all, shown
from noria.service.request.json_text import parse_json
from noria.service.request.limits import Limits

AROUND_BYTES = 1 << 16  # of a line around its body
ID_CHARACTERS = 256
MANY = 20  # problems after which no more are told
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Line:
    """One request. number: of the line in its file, from 1."""

    number: int
    custom_id: str
    url: str
    operation: Operation
    request: Request

    @property
    def model(self) -> str:
        """Return the model that it names; empty for the only one there is."""
        return self.operation.model_of(self.request, Limits()) or ""


@dataclass(frozen=True)
class Facts:
    """What all lines of a file have in common, and how many there are."""

    lines: int
    endpoint: str
    model: str


def check_lines(path: Path, limits: Limits) -> Facts:
    """Return what a file holds; raise HTTPError with the place of each problem, twenty at most."""
    problems: list[HTTPError] = []
    seen: dict[str, int] = {}
    first: tuple[str, str] | None = None
    for number, text in texts_of(path, limits):
        if len(problems) >= MANY:
            break
        try:
            line = read_line(text, number, limits)
            if line.custom_id in seen:
                raise _wrong("custom_id stands twice", f"{shown(line.custom_id)}, as in line {seen[line.custom_id]}")
            seen[line.custom_id] = number
            asked = line.url, line.model
            first = first or asked
            _check_alike(asked, first)
        except HTTPError as error:
            problems.append(_at(number, error))
    if first is None and not problems:
        raise HTTPError(UserError("the file holds no request", where="file"), code="empty_file", param="file")
    raise_all(problems)
    assert first is not None
    return Facts(len(seen), *first)


def read_line(text: bytes, number: int, limits: Limits) -> Line:
    """Return the request of a line; raise HTTPError with all that is wrong with it."""
    body = Body(parse_json(text, replace(limits, json_depth=limits.json_depth + 1)))
    for name in ("custom_id", "url", "body"):
        body.needed(name)
    custom_id, url = body.text("custom_id"), body.text("url")
    if body.has("custom_id") and not 1 <= len(custom_id) <= ID_CHARACTERS:
        body.wrong("custom_id", f"1 to {ID_CHARACTERS} characters", custom_id)
    body.one_of("method", ("POST",), "POST")
    body.needed("method")
    found = route_of(url)
    if body.has("url") and found is None:
        body.wrong("url", " or ".join(batched_paths()), url, "invalid_url")
    sent = body.take("body")
    if body.has("body") and not isinstance(sent, dict):
        body.wrong("body", "an object", sent)
    elif isinstance(sent, dict) and sent.get("stream"):
        body.refuse("body", "the answer of a line is written whole", "leave body.stream out")
    body.end({})
    body.check()
    assert found is not None
    operation, path = found
    request = Request(operation.name, json_bytes(sent), {"content-type": JSON}, path)
    return Line(number, custom_id, url, operation, request)


def texts_of(path: Path, limits: Limits) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not empty, with their numbers; raise HTTPError for one too long, or one too many."""
    most = limits.body_bytes + AROUND_BYTES
    with path.open("rb") as file:
        number = 0
        while text := file.readline(most + 1):
            number += 1
            if number > limits.file_lines:  # empty ones too: millions of them are soon sent, and long read
                raise _too_many(limits)
            if len(text) > most:
                error = UserError("the line is too long", where=f"line {number}", expected=f"at most {most} bytes")
                raise HTTPError(error, code="too_large", param=f"line {number}")
            text = text.removeprefix(BOM) if number == 1 else text
            if text.strip():
                yield number, text


def route_of(url: str) -> tuple[Operation, Mapping[str, str]] | None:
    """Return the operation that a path asks, and what its placeholders stand for."""
    for pattern, operation in _routes() if url.isprintable() else ():  # no database keeps each text as a name
        if (found := pattern.fullmatch(url)) is not None:
            return operation, found.groupdict()
    return None


def batched_paths() -> list[str]:
    """Return the paths that a line may ask."""
    return [path for one in OPERATIONS.values() if one.is_batched for path in (one.path, *one.aliases)]


@cache
def _routes() -> list[tuple[Any, Operation]]:
    found = []
    for operation in OPERATIONS.values():
        if operation.is_batched:
            for path in (operation.path, *operation.aliases):
                found.append((compile_path(path)[0], operation))
    return found


def _check_alike(asked: tuple[str, str], first: tuple[str, str]) -> None:
    """Raise HTTPError where a line asks another path or another model than the first one, or one of no name."""
    (url, model), (first_url, first_model) = asked, first
    if url != first_url:
        raise _wrong("url is another one than of the lines before", shown(url), first_url)
    if not model.isprintable():
        raise _wrong("body.model is no name", shown(model))
    if model != first_model:
        raise _wrong("body.model is another one than of the lines before", shown(model), first_model)


def _wrong(what: str, found: str, expected: str = "") -> HTTPError:
    return HTTPError(UserError(what, found=found, expected=expected), code="invalid_line")


def _at(number: int, error: HTTPError) -> HTTPError:
    """Return an error with the line that it stands in."""
    place = f"line {number}"
    found = error.error.problems if isinstance(error.error, UserErrors) else [error.error]
    placed = UserErrors(
        [
            UserError(
                one.what,
                where=f"{place}, {one.where}" if one.where else place,
                expected=one.expected,
                found=one.found,
                fix=one.fix,
            )
            for one in found
        ]
    )
    param = f"{place}.{error.param}" if error.param else place
    return HTTPError(placed, error.status, code=error.code, param=param)


def _too_many(limits: Limits) -> HTTPError:
    fix = "divide it, or use noria batch submit"
    error = UserError("the file holds too many lines", expected=f"at most {limits.file_lines}", fix=fix)
    return HTTPError(error, code="too_large", param="file")
