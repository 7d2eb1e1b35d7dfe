"""Which model a body names, found without reading all of it: what listens must stay quick, whatever is sent.

A name that is found wrongly does no harm: whoever reads the body finds the right one, and a broken body broken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice

MOST_PLACES = 64  # of one body: fields of this name are few, but for a body that is made to be slow
_KEY = re.compile(rb'(?<!\\)"model"\s*:\s*("(?:[^"\\]|\\.){0,512}+")')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_PART = b"form-data;"
_HEAD_BYTES = 1024  # of a part, with the name of a model behind it


def model_of_json(body: bytes) -> str | None:
    """Return the text in the field `model` of a JSON object itself; None where none is found."""
    places = list(islice(_KEY.finditer(body), MOST_PLACES))
    if len({one[1] for one in places}) > 1:
        places = [one for one, depth in _depths(body, places) if depth == 1]
    return _text(places[0][1]) if places else None


def model_of_form(body: bytes) -> str | None:
    """Return the text of a form's part `model`; None where none is found."""
    at = -1
    for _ in range(MOST_PLACES):
        at = body.find(_PART, at + 1)
        if at < 0:
            break
        head, _, value = bytes(body[at : at + _HEAD_BYTES]).partition(b"\r\n\r\n")
        options = [one.strip() for one in head.partition(b"\r\n")[0].split(b";")]
        text = value.partition(b"\r\n")[0]
        if text and (b'name="model"' in options or b"name=model" in options):
            return text.decode("utf-8", "replace")
    return None


def _depths(body: bytes, places: list[re.Match[bytes]]) -> Iterator[tuple[re.Match[bytes], int]]:
    """Yield each place with how many objects and lists are open there; every byte is looked at once."""
    depth = last = 0
    for one in places:
        depth += _depth(body[last : one.start()])
        last = one.start()
        yield one, depth


def _depth(before: bytes) -> int:
    """Return how many objects and lists are open where this text ends, outside of its strings."""
    bones = _STRING.sub(b"", before)
    return sum(bones.count(one) for one in (b"{", b"[")) - sum(bones.count(one) for one in (b"}", b"]"))


def _text(string: bytes) -> str | None:
    try:
        return str(json.loads(string))
    except ValueError:  # which includes what is not UTF-8
        return None
