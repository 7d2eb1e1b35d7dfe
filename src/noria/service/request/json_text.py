"""JSON from strangers: UTF-8, one value a name, finite numbers, bounded in depth and count before it is built."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from http import HTTPStatus
from typing import Any

from noria.errors import UserError
from noria.service.request.http_error import HTTPError, shown
from noria.service.request.limits import Limits

_MARKS = b'"[]{},:'
_OTHERS = bytes(set(range(256)) - set(_MARKS))
_STRING = re.compile(rb'"[^"]*+"?')  # possessive: no body makes the pattern go back
_BRACKET = re.compile(rb"[\[{]|[\]}]")
_INTEGERS = range(-(2**63), 2**64)  # what arrays can hold


def parse_json(data: bytes | bytearray, limits: Limits) -> Any:
    """Return the value; raise HTTPError with the line and column, the duplicate name or the limit it breaks."""
    _check_shape(data, limits)
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer
        )
        if "\\u" in text:  # only an escape can hold half a character
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise _not_json("a text holds half a character (a lone surrogate)") from error
    except UnicodeDecodeError as error:
        raise _not_json("it is not UTF-8", f"byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise _not_json(error.msg, f"line {error.lineno}, column {error.colno}") from error
    return value


def _check_shape(data: bytes | bytearray, limits: Limits) -> None:
    """Count values and depth before the parser builds or recurses; what is no JSON, the parser finds."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")  # what is left of quotes begins or ends a string
    bones = data.translate(None, _OTHERS)  # much faster than a pattern over all of it
    if bones.count(b'"') > 2 * limits.json_values:
        raise _too_many(limits)
    bones = _STRING.sub(b"", bones.replace(b'""', b""))
    if 1 + sum(bones.count(mark) for mark in (b",", b":", b"[", b"{")) > limits.json_values:
        raise _too_many(limits)
    depth = 0
    for bracket in _BRACKET.findall(bones):
        depth += 1 if bracket in b"[{" else -1
        if depth > limits.json_depth:
            error = UserError("the JSON is nested too deeply", expected=f"at most {limits.json_depth} levels")
            raise HTTPError(error, code="too_deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise HTTPError(UserError(f"the name {shown(twice)!r} stands twice in one object"), code="duplicate_field")
    return found


def _constant(text: str) -> Any:
    raise _not_json(f"{text} is not a JSON number")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _not_json(f"the number {shown(text)} is too large")
    return value


def _integer(text: str) -> int:
    if len(text) > 20 or int(text) not in _INTEGERS:
        raise _not_json(f"the number {shown(text)} is too large")
    return int(text)


def _too_many(limits: Limits) -> HTTPError:
    error = UserError("the JSON holds too many values", expected=f"at most {limits.json_values}")
    return HTTPError(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large")


def _not_json(reason: str, place: str = "") -> HTTPError:
    where = f"body, {place}" if place else "body"
    return HTTPError(UserError(f"this is not JSON as it should be: {reason}", where=where), code="not_json")
