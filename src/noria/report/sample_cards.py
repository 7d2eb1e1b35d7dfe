"""Training records as the network gets them, on a page: a card a record, or a row where all of it are cells.

Knows no task: what a card shows depends on the type of what modalities display. Read next: sample_views.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noria.contract import Task, answer_field
from noria.pipeline.prepared import Prepared
from noria.report.markup import Markup, join, tag
from noria.report.pictures import SIDE_PX, is_picture, picture
from noria.report.sample_text import said
from noria.report.sample_views import Views, views_of
from noria.report.samples import Sample, given_of, is_as_given, samples
from noria.report.sounds import share_bytes
from noria.report.tables import Cell, table, written
from noria.report.values import shown
from noria.types import Media

MOST_CARDS = 24
LARGE_SIDE_PX = 320  # on which words can still be read
SOUNDS = 3  # of a card: an input, the same augmented, an answer
MOST_COLUMNS = 60
HEAD, TAIL, CUT = 240, 120, 240  # characters shown of a text: its first and last that are read, the first that are not


def sample_cards(prepared: Prepared, task: Task) -> Markup:
    """Show training records, spread evenly over all of them."""
    found = samples(prepared, task, MOST_CARDS)
    if all(isinstance(value, Mapping) for one in found for value in one.fields.values()):
        about = _about(len(found), "What was given stands below a cell where it differs.")
        return join(about, _rows(found, answer_field(task)))
    records = prepared.splits["train"].select(np.array([one.index for one in found], np.int64))
    views = views_of(task, prepared.states, records, [one.answer for one in found])
    is_varied = any(one.augmented for one in views)
    about = _about(len(views), "Augmented: one of the many ways in which training varies them." if is_varied else "")
    share = share_bytes(SOUNDS * len(views))
    cards = [_card(one, its, answer_field(task), share) for one, its in zip(found, views, strict=False)]
    return join(about, tag("div", cards, class_=_layout(found, views)))


def _about(count: int, more: str) -> Markup:
    return tag(
        "p", f"{count} training records, spread evenly over all of them, as the network gets them. {more}".strip()
    )


def _layout(found: Sequence[Sample], views: Sequence[Views]) -> str:
    """Return how broad the cards are."""
    values = [value for one in found for value in one.fields.values()]
    if any(one.answered is not None for one in views):
        return "cards drawn"
    is_alone = len(found[0].fields) == 1 and not any(one.augmented for one in views)
    is_small = all(is_picture(value) and max(value.shape[:2]) <= SIDE_PX for value in values)
    return "cards" if is_small and is_alone else "cards broad"


def _card(sample: Sample, views: Views, answer: str, sound_bytes: int) -> Markup:
    parts = [
        _named(_name(name, value, sample), _value(sample, name, value, sound_bytes))
        for name, value in sample.fields.items()
    ]
    is_file = isinstance(sample.answer, Media)
    parts += [_named(answer, shown(sample.answer, LARGE_SIDE_PX, sound_bytes))] if is_file else []
    if views.answered is not None:
        parts.append(_named("with its answer", picture(views.answered, LARGE_SIDE_PX)))
    parts += [
        _named(f"{name}, augmented", shown(one, LARGE_SIDE_PX, sound_bytes)) for name, one in views.augmented.items()
    ]
    facts = [] if views.answered is not None or is_file else [_fact(answer, sample.answer, given_of(sample, answer))]
    return tag(
        "article",
        tag("div", parts, class_="raws"),
        tag("dl", facts) if facts else None,
        tag("p", sample.where or "–", class_="where"),
        class_="card",
    )


def _name(name: str, value: Any, sample: Sample) -> str:
    """Return what stands above a value."""
    if is_picture(value):
        file = given_of(sample, name)
        return f"{name}{f' {file}' if file else ''}, {value.shape[1]} x {value.shape[0]} pixels"
    return f"{name}, cut" if name in sample.read else name


def _value(sample: Sample, name: str, value: Any, sound_bytes: int) -> Markup:
    if name in sample.read:
        return _cut_text(str(value), given_of(sample, name) or "", sample.read[name])
    return shown(value, LARGE_SIDE_PX, sound_bytes)


def _cut_text(decoded: str, given: str, read: int) -> Markup:
    """Show the first and the last of what is read of a text, and, struck out, what is not."""
    seen = given[:read] if decoded == given else decoded
    if len(seen) > HEAD + TAIL:
        seen = f"{seen[:HEAD]} […] {seen[-TAIL:]}"
    rest = given[read : read + CUT] + ("…" if len(given) > read + CUT else "")
    said_rest = f"Not read: the last {len(given) - read:,} of {len(given):,} characters."
    return tag("div", tag("p", seen, tag("s", rest, class_="cut"), class_="raw"), tag("p", said_rest, class_="soft"))


def _named(name: str, content: Markup) -> Markup:
    return tag("div", tag("p", name, class_="soft"), content)


def _fact(name: str, value: Any, given: str | None) -> Markup:
    return tag("div", tag("dt", name), tag("dd", _beside(value, given)))


def _beside(value: Any, given: str | None) -> Markup:
    """Return a decoded value, below it what was given where it differs."""
    read = written(said(value) if isinstance(value, Mapping) else value)
    if given is None or is_as_given(value, given):
        return read
    return join(read, tag("span", tag("br"), written(given), class_="soft"))


def _rows(found: Sequence[Sample], answer: str) -> Markup:
    """Show records whose inputs are cells as rows of a table."""
    names = [(field, str(column)) for field, value in found[0].fields.items() for column in value]
    columns = ["where", answer, *(column for _, column in names[:MOST_COLUMNS])]
    rows: list[list[Cell]] = []
    for one in found:
        cells = [
            _cell(one.fields[field][column], given_of(one, field, column)) for field, column in names[:MOST_COLUMNS]
        ]
        rows.append([one.where, _cell(one.answer, given_of(one, answer)), *cells])
    more = f"and {len(names) - MOST_COLUMNS} more columns" if len(names) > MOST_COLUMNS else ""
    return join(table(columns, rows, shown=len(rows)), tag("p", more, class_="soft") if more else None)


def _cell(value: Any, given: str | None) -> Cell:
    """Return a number as it is, so that it stands at the right, where it was given so."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and is_as_given(value, given) else _beside(value, given)
