"""A few training records as the network gets them, decoded back, beside what was given of them.

Knows no task. Read next: sample_text.py and sample_cards.py, which show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from noria.contract import Task, answer_field, dispatch
from noria.pipeline.prepared import Prepared
from noria.report.pictures import is_picture
from noria.report.records import displayed
from noria.report.sounds import said_of
from noria.types import Media, Panel

DIGITS = 1e-5  # of a number that went through float32 and back


@dataclass(frozen=True)
class Sample:
    """One training record.

    index: its place in the training split. fields: the inputs, decoded back, as is the answer. given: what the source
    held of a field, as text, by column where a field has several; files and arrays are not among it. read: how many
    characters of a text that was given the network reads, of those that it does not read whole.
    """

    index: int
    where: str
    fields: dict[str, Any]
    answer: Any
    given: Mapping[str, Any]
    read: dict[str, int]


def samples(prepared: Prepared, task: Task, most: int) -> list[Sample]:
    """Return at most so many training records, spread evenly over them."""
    train, states = prepared.splits["train"], prepared.states
    kept = prepared.report.get("samples", []) if train.where_path is not None else []  # windows are other records
    if not kept:
        kept = [{"index": int(index), "given": {}} for index in np.linspace(0, len(train) - 1, min(most, len(train)))]
    chosen = [kept[int(place)] for place in np.linspace(0, len(kept) - 1, min(most, len(kept)))]
    indices = np.array([one["index"] for one in chosen], np.int64)
    answers = dispatch.decode_target(
        task.target, {name: values[indices] for name, values in train.target.items()}, states["target"]
    )
    wheres = train.wheres()
    return [
        Sample(
            one["index"],
            wheres[one["index"]],
            displayed(task.inputs, states, train, one["index"]),
            answer,
            one["given"],
            _read(task, states, one["given"]),
        )
        for one, answer in zip(chosen, answers, strict=True)
    ]


def given_of(sample: Sample, field: str, column: str | None = None) -> str | None:
    """Return what was given of a field, or of the column that one of its names stands for; None where it is not kept.

    A column may be read as several: `when` as `when.year` and `when.month`.
    """
    given = sample.given.get(field)
    if column is None:
        return given if isinstance(given, str) else None
    columns = given if isinstance(given, Mapping) else {}
    whole: str | None = columns.get(column, columns.get(column.rpartition(".")[0]))
    return whole


def is_as_given(value: Any, given: str | None) -> bool:
    """Say whether a decoded value says no more than what was given, or that is not kept: 63.0 for 63."""
    if not given or isinstance(value, Media) or given == str(value):
        return True
    try:
        number = float(str(value))
        return abs(float(given) - number) <= DIGITS * abs(number)
    except ValueError:
        return False


def as_json(sample: Sample, task: Task) -> dict[str, Any]:
    """Return a sample as JSON, of pictures only their size."""
    answer = {answer_field(task): _plain(sample.answer)}
    read = {name: _plain(value) for name, value in sample.fields.items()} | answer
    return {"where": sample.where, "read": read, "given": sample.given, "characters_read": sample.read}


def _read(task: Task, states: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, int]:
    """Return by field where the network stops reading a text: behind the last character that a token stands for."""
    found = {}
    for name, modality in task.inputs.items():
        text = given.get(name)
        if modality.raw_type != "cell" or not isinstance(text, str):
            continue
        spans = dispatch.spans(modality, text, states["inputs"][name])
        last = max((span.end for span in spans if span.unit == "characters"), default=len(text))
        if text[last:].strip():
            found[name] = int(last)
    return found


def _plain(value: Any) -> Any:
    """Return a decoded value as JSON."""
    if is_picture(value):
        return {"picture": list(value.shape[:2])}
    if isinstance(value, Media):
        return {"file": said_of(value)}
    if isinstance(value, Panel):
        return asdict(value)
    if isinstance(value, np.ndarray):
        return {"array": list(value.shape)}
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)
