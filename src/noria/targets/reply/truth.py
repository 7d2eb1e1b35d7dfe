"""What the right reply is, and, where the data says it, what each stage should have made of the sound.

"lights on"                                            the right answer: a class, or the words
{"label": .., "transcript": .., "segments": ..}        or several columns: data.fields.reply=[label, transcript]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from noria.targets.segments.reading import read_spans
from noria.text.normaliser import normalised

TRANSCRIPT, SEGMENTS = "transcript", "segments"


@dataclass(frozen=True)
class Truth:
    """The right reply, the words that were said and when they were; None where nobody has said."""

    reply: str
    transcript: str | None = None
    segments: list[list[float]] | None = None


def read_truth(value: Any) -> Truth:
    """Return a raw answer; raise ValueError with a plain reason."""
    if not isinstance(value, Mapping):
        return Truth(_text(value))
    others = [name for name in value if name not in (TRANSCRIPT, SEGMENTS)]
    if len(others) != 1:
        found = ", ".join(map(str, value)) or "nothing"
        raise ValueError(f"expected the right answer, and beside it transcript and segments, found {found}")
    said, spans = value.get(TRANSCRIPT), value.get(SEGMENTS)
    segments = None if _is_missing(spans) else [[float(a), float(b)] for a, b in read_spans(spans)]
    return Truth(_text(value[others[0]]), None if _is_missing(said) else _text(said), segments)


def is_same(given: str, true: str) -> bool:
    """Say whether two replies are the same but for case, punctuation and spaces."""
    one, other = (normalised(text, "plain") or text.strip() for text in (given, true))
    return one == other


def _text(value: Any) -> str:
    if isinstance(value, bool | int) or (isinstance(value, float) and value == value and abs(value) != float("inf")):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r:.80} is no answer: expected a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a sign: it is no text") from None
    return value.strip()


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and value != value)
