"""Which model a body names, found without reading all of it: what listens must stay quick, whatever is sent.

A name that is found wrongly does no harm: whoever reads the body finds the right one, and a broken body broken.
"""

from __future__ import annotations

import json
import re
from itertools import islice

MOST_PLACES = 64  # of one body: fields of this name are few, but for a body that is made to be slow
_KEY = re.compile(rb'(?<!\\)"model"\s*:\s*("(?:[^"\\]|\\.){0,512}+")')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_PART = re.compile(
    rb'form-data;[^\r\n]{0,200}\bname="?model"?[^\r\n]{0,200}(?:\r\n[^\r\n]{1,200}){0,4}\r\n\r\n([^\r\n]{1,512})'
)


def model_of_json(body: bytes) -> str | None:
    """Return the text in the field `model` of a JSON object itself; None where none is found."""
    places = list(islice(_KEY.finditer(body), MOST_PLACES))
    if len({one[1] for one in places}) > 1:
        places = [one for one in places if _depth(body[: one.start()]) == 1]
    return _text(places[0][1]) if places else None


def model_of_form(body: bytes) -> str | None:
    """Return the text of a form's part `model`; None where none is found."""
    found = _PART.search(body)
    return found[1].decode("utf-8", "replace") if found else None


def _depth(before: bytes) -> int:
    """Return how many objects and lists are open where this text ends, outside of its strings."""
    bones = _STRING.sub(b"", before)
    return sum(bones.count(one) for one in (b"{", b"[")) - sum(bones.count(one) for one in (b"}", b"]"))


def _text(string: bytes) -> str | None:
    try:
        return str(json.loads(string))
    except ValueError:  # which includes what is not UTF-8
        return None
