"""Training records as the network gets them, as lines of a terminal: what was read, in brackets what was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from noria.contract import Task, answer_field
from noria.report.pictures import is_picture
from noria.report.samples import Sample, given_of, is_as_given
from noria.report.sounds import said_of
from noria.types import Media, Panel

MOST_LINES = 40  # of one record
MOST_NAME, MOST_READ, MOST_GIVEN = 30, 160, 60  # characters

Line = tuple[str, str, str | None]  # name, what was read, what was given where it differs


def as_text(found: Sequence[Sample], task: Task) -> str:
    """Return records as text, a field a line."""
    parts = ["training records as the network gets them; in brackets what was given, where it differs"]
    for sample in found:
        lines = list(_lines(sample, answer_field(task)))
        parts.append(_safe(sample.where) or f"record {sample.index + 1}")
        width = max(len(_safe(name)[:MOST_NAME]) for name, _, _ in lines)
        parts += [_line(one, width) for one in lines[:MOST_LINES]]
        if len(lines) > MOST_LINES:
            parts.append(f"  ... and {len(lines) - MOST_LINES} more")
    return "\n".join(parts)


def printable(text: str) -> str:
    """Return text in which nothing but the ends of lines moves a terminal's cursor."""
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text)


def said(value: Any) -> str:
    """Return a decoded value in one line; of what people look at, its size."""
    if is_picture(value):
        kind = "grey" if value.ndim == 2 else "colour"
        return f"a {kind} picture of {value.shape[1]} x {value.shape[0]} pixels, shown by --page FILE.html"
    if isinstance(value, Media):
        return f"{said_of(value)}, shown by --page FILE.html"
    if isinstance(value, Panel):
        return f"{value.title}, shown by --page FILE.html"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_short(said(one))}" for name, one in value.items())
    if isinstance(value, list):
        parts = [said(one) for one in value]
        has_parts = any(isinstance(one, Mapping) for one in value)
        return f"{len(parts)}: {'; '.join(parts)}" if has_parts else f"[{', '.join(parts)}]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "(nothing)" if value is None else str(value)


def _lines(sample: Sample, answer: str) -> Iterator[Line]:
    for field, value in sample.fields.items():
        if isinstance(value, Mapping):
            yield from (_told(str(name), one, given_of(sample, field, name)) for name, one in value.items())
        elif field in sample.read:
            read, whole = sample.read[field], given_of(sample, field) or ""
            yield field, f"{said(value)[:MOST_READ]} ... cut after {read:,} of {len(whole):,} characters", None
        else:
            yield _told(field, value, given_of(sample, field))
    yield _told(answer, sample.answer, given_of(sample, answer))


def _told(name: str, value: Any, given: str | None) -> Line:
    return name, said(value), None if is_as_given(value, given) else given


def _line(line: Line, width: int) -> str:
    name, read, given = line
    beside = ""
    if given is not None and given != read and len(given) <= MOST_GIVEN:
        beside = f"  [{_safe(given)}]"
    whole = _safe(read)
    shown = whole if len(whole) <= MOST_READ + MOST_GIVEN else f"{whole[:MOST_READ]} ..."
    return f"  {_safe(name)[:MOST_NAME].ljust(width)}  {shown}{beside}"


def _short(text: str) -> str:
    return text if len(text) <= MOST_GIVEN else f"{text[:12]} ... ({len(text):,} characters)"


def _safe(text: str) -> str:
    return printable(text).replace("\n", "\\n")
