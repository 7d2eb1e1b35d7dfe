"""Further views of training records: with the answer drawn, and pictures and sounds as augmentation varies them.

Knows no task. Read next: augmented.py, records.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noria.contract import Task, dispatch
from noria.report.augmented import augmented
from noria.report.pictures import is_picture
from noria.report.records import displayed, drawn, encoded_of
from noria.types import Dataset, Media

MOST_DRAWN = 12  # records with answers on their pictures, which are large

Pictures = dict[str, Any]  # by field: pictures uint8, and sounds as Media


@dataclass(frozen=True)
class Views:
    """The further pictures of one record. `answered`: with its answer, in the size it came in."""

    answered: np.ndarray | None = None
    augmented: Pictures = field(default_factory=dict)


def views_of(task: Task, states: Mapping[str, Any], records: Dataset, answers: Sequence[Any]) -> list[Views]:
    """Return the views of each record, or of fewer where answers are drawn: their pictures take more room."""
    answered = [_answered(task, states, records, index, answers[index]) for index in range(len(records))]
    if any(one is not None for one in answered):
        answered = answered[:MOST_DRAWN]
        records = records.select(slice(0, MOST_DRAWN))
    return [Views(*both) for both in zip(answered, _varied(task, states, records), strict=True)]


def _answered(task: Task, states: Mapping[str, Any], records: Dataset, index: int, answer: Any) -> np.ndarray | None:
    if answer is None:
        return None
    inputs = displayed(task.inputs, states, records, index)
    return drawn(task.target, states["target"], inputs, encoded_of(records, index), answer)


def _varied(task: Task, states: Mapping[str, Any], records: Dataset) -> list[Pictures]:
    """Return each record's pictures, augmented, with the answer where it can be drawn; none where nothing is varied."""
    before = [_pictures(task, states, records, index) for index in range(len(records))]
    if not any(before):
        return before
    varied = augmented(task, records)
    after = [_pictures(task, states, varied, index) for index in range(len(records))]
    is_varied = any(not _is_same(old[name], new[name]) for old, new in zip(before, after, strict=True) for name in new)
    if not is_varied:
        return [{}] * len(records)
    answers = dispatch.decode_target(task.target, varied.target, states["target"])
    for index, pictures in enumerate(after):
        with_answer = _answered(task, states, varied, index, answers[index])
        if with_answer is not None:
            pictures[next(iter(pictures))] = with_answer
    return after


def _pictures(task: Task, states: Mapping[str, Any], records: Dataset, index: int) -> Pictures:
    inputs = displayed(task.inputs, states, records, index)
    return {name: value for name, value in inputs.items() if is_picture(value) or isinstance(value, Media)}


def _is_same(one: Any, other: Any) -> bool:
    return one == other if isinstance(one, Media) else np.array_equal(one, other)
