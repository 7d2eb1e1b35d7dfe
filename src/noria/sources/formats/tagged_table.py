"""Texts with labelled stretches as JSON or a table has them: tokens with their tags, or a text with places in it.

    {"tokens": ["John", "sleeps"], "tags": ["B-PER", "O"]}
    {"text": "John sleeps", "spans": [{"start": 0, "end": 4, "label": "PER", "text": "John"}]}

What a span itself says its text is tells what its places count, and whether they are right; a table says the same in
cells of JSON. Read next: text/offsets.py, text/entity_spans.py.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from noria.contract.source import Source
from noria.sources.core.wrapped import MappedSource
from noria.sources.formats.opening import open_source
from noria.text.entity_spans import decode_bio, listed, trimmed
from noria.text.offsets import WAYS, Counting, Decision, says
from noria.text.scripts import is_unspaced
from noria.types import Rows

Stretch = dict[str, Any]  # start, end, label

TAGS = "tags"  # where nothing else is said
OWN_TEXT = ("text", "surface", "mention")  # how spans call the text that they stand for
WIDE = "\uffff"  # UTF-16 counts two for each character beyond


def tagged_table(path: Path, encoding: str | None, text: str, tags: str) -> Source | None:
    """Return the reader of a table with tags or spans, or None where it has no columns of such names.

    text, tags: the columns that hold them.
    """
    source = open_source(path, encoding=encoding)
    columns = set(source.columns)
    is_usual = tags == TAGS
    if {"tokens", TAGS} <= columns and is_usual:
        return TaggedTokens(source)
    spans = "spans" if "spans" in columns and is_usual else tags
    return TaggedSpans(source, text, spans, tags) if {text, spans} <= columns else None


class TaggedTokens(MappedSource):
    """Records with tokens and a tag for each; what does not fit is bad."""

    def __init__(self, source: Source):
        used = ("tokens", "tags", "text", "spans")
        super().__init__(source, ["text", "tags", *(name for name in source.columns if name not in used)])

    def converted(self, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        tokens, tags = (listed(fields[name]) for name in ("tokens", TAGS))
        if not isinstance(tokens, list) or not isinstance(tags, list) or len(tokens) != len(tags) or not tokens:
            raise ValueError("expected a list of tokens and one of as many tags")
        if not all(isinstance(one, str) and one for one in tokens) or not all(isinstance(one, str) for one in tags):
            raise ValueError("tokens and tags must be texts: a tag is named, B-PER, and not numbered")
        is_spelled = any(not one.strip() for one in tokens)
        text, stretches = tagged(tokens, tags, [not is_spelled] * len(tokens))
        return [{**fields, "text": text, "tags": stretches}]


class TaggedSpans(MappedSource):
    """Records with a text and spans of it, whose places count as all of them together show; what is not true is bad."""

    def __init__(self, source: Source, text: str = "text", spans: str = "spans", tags: str = "tags"):
        used = (text, spans, tags, "tokens")
        super().__init__(source, [text, tags, *(name for name in source.columns if name not in used)])
        self._text, self._spans, self._tags = text, spans, tags
        self._decision: Decision | None = None
        self._num_wide = 0

    def notes(self) -> list[str]:
        """Return what places count, where that is not characters or cannot be told (known once the rows were read)."""
        said = self._decision.note() if self._decision else ""
        if not said and self._decision and not self._decision.has_seen and self._num_wide:
            said = (
                f"{self._num_wide:,} texts hold characters that UTF-16 counts twice, as emoji, before a span, and no "
            )
            said += 'span says what its text is ("text"): places are taken to count characters'
        return [*super().notes(), *([said] if said else [])]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the records; how places count is told from all of them first."""
        if self._decision is None:
            self._decision = self._decided(chunk_size)
        yield from super().rows(chunk_size)

    def converted(self, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        text, spans = fields[self._text], listed(fields[self._spans])
        if not isinstance(text, str) or not text.strip():
            raise ValueError("the text is missing")
        if not isinstance(spans, list):
            raise ValueError("expected a list of spans, [] where there are none")
        counting = self._decision.counting() if self._decision else Counting()
        stretches = [_stretch(text, one, counting) for one in spans]
        ordered = sorted(stretches, key=lambda one: (one["start"], one["end"]))
        return [{**fields, self._text: text, self._tags: ordered}]

    def _decided(self, chunk_size: int) -> Decision:
        decision = Decision()
        for rows in self._source.rows(chunk_size):
            for text, spans in zip(rows.columns[self._text], map(listed, rows.columns[self._spans]), strict=True):
                if isinstance(text, str) and isinstance(spans, list):
                    self._num_wide += _is_wide(text, spans)
                    for start, end, own in _named_places(spans):
                        decision.see(text, start, end, own)
            if decision.is_sure:
                break
        return decision


def tagged(tokens: Sequence[str], tags: Sequence[str], spaces: Sequence[bool]) -> tuple[str, list[Stretch]]:
    """Return tokens as one text, and the stretches that their tags mean; `spaces`: whether one may follow a token."""
    text, starts = joined(tokens, spaces)
    stretches = [
        {"start": starts[first], "end": starts[end - 1] + len(tokens[end - 1]), "label": label}
        for first, end, label in decode_bio([unicodedata.normalize("NFC", tag) for tag in tags])
    ]
    return text, stretches


def joined(tokens: Sequence[str], spaces: Sequence[bool] | None = None) -> tuple[str, list[int]]:
    """Return tokens as one text, and where each starts; no space stands beside what is written without spaces."""
    parts: list[str] = []
    starts: list[int] = []
    length, may_follow = 0, False
    for token, space in zip(tokens, spaces or [True] * len(tokens), strict=True):
        if may_follow and not (is_unspaced(parts[-1][-1]) or is_unspaced(token[:1])):
            parts.append(" ")
            length += 1
        starts.append(length)
        parts.append(token)
        length, may_follow = length + len(token), space
    return "".join(parts), starts


def _stretch(text: str, span: object, counting: Counting) -> Stretch:
    """Return a span with its place in characters; ValueError where it is none or is not the text that it names."""
    start, end, label = map(span.get, ("start", "end", "label")) if isinstance(span, Mapping) else (None, None, None)
    if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label.strip():
        raise ValueError(f"a span needs start, end and label, found {span!r}"[:200])
    own = _own_text(span)
    places = [way.place(text, start, end) for way in chain([counting], WAYS)]
    place = next((one for one in places if says(text, one, own)), None) if own else places[0]
    if own and place is None:
        found = f"{text[slice(*places[0])]!r}" if places[0] else "nothing"
        raise ValueError(f"the span from {start} to {end} holds another text than it says: {found}, not {own!r}"[:200])
    if place is None or not text[slice(*place)].strip():
        raise ValueError(f"the span from {start} to {end} holds nothing of the text of {len(text)} characters")
    first, last = trimmed(text, *place)
    return {"start": first, "end": last, "label": label}


def _own_text(span: object) -> str:
    values = (span.get(name) for name in OWN_TEXT) if isinstance(span, Mapping) else ()
    return next((value for value in values if isinstance(value, str) and value.strip()), "")


def _named_places(spans: Sequence[Any]) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and text of the spans that name their own text."""
    for span in spans:
        own = _own_text(span)
        if own and type(span.get("start")) is int and type(span.get("end")) is int:
            yield span["start"], span["end"], own


def _is_wide(text: str, spans: Sequence[Any]) -> bool:
    """Say whether a character stands before the end of a span that UTF-16 counts twice."""
    if text.isascii() or max(text) <= WIDE:
        return False
    ends = [span["end"] for span in spans if isinstance(span, Mapping) and type(span.get("end")) is int]
    return any(one > WIDE for one in text[: max(0, max(ends, default=0))])
