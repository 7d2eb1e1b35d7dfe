"""Stretches of a text: what tags of its tokens mean (B-PER begins one, I-PER goes on with it, O stands outside).

Tags are read as conlleval reads them (Tjong Kim Sang and Buchholz 2000), which is also the default mode of seqeval.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

# Begin, inside, end, single; middle is another word for inside, last for end, unit and whole for single.
PREFIXES = "BIESLUMW"


def decode_bio(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return (first, last + 1, label) of the stretches that tags such as B-PER, I-PER, O mean, as conlleval reads them.

    A stretch begins with B or S, or where the label or what stands before leaves no other reading: I-LOC after O begins
    one, too. Raise ValueError for what is no such tag.
    """
    found: list[tuple[int, int, str]] = []
    before, open_label, start = "O", "", 0
    for place, tag in enumerate([*tags, "O"]):
        prefix, label = tag[:1], tag[2:] if tag[1:2] in ("-", "_") else ""
        if tag != "O" and (prefix not in PREFIXES or not label):
            raise ValueError(f"{tag!r} is no tag: expected O, B-LABEL or I-LABEL")
        is_new = prefix in "BSUW" or before in "OESLUW" or label != open_label
        if open_label and (tag == "O" or is_new):
            found.append((start, place, open_label))
        if tag != "O" and is_new:
            start = place
        before, open_label = prefix, label
    return found


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a stretch without white space at its ends; one that is nothing else, as it is."""
    inner = text[start:end].strip()
    if not inner:
        return start, end
    start += len(text[start:end]) - len(text[start:end].lstrip())
    return start, start + len(inner)


def listed(value: Any) -> Any:
    """Return the list that a cell of a table holds as JSON, and anything else as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if isinstance(found, list) else value


def required_list(value: Any, what: str, parts: str) -> list[Any]:
    """Return an answer's list, given as such or as JSON; raise ValueError where it is missing or no list of `parts`."""
    value = listed(value)
    if value is None or isinstance(value, float):
        raise ValueError(f"the {what} are missing")
    if not isinstance(value, list):
        raise ValueError(f"expected a list of {parts}, found {value!r}"[:200])
    return value
