"""Columns that give the answer away: each is tried alone, on records that it was not learnt from.

A record is told by those that stand next to it along the column, so that one cut is one cut and no edge of a bin blurs
it; missing cells are a value of their own. Knows no task. Read next: data_checks.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from noria.contract import Target, dispatch
from noria.metrics.shares import wilson
from noria.types import Dataset

RECORDS = 10_000  # a column is tried on so many training records, each half told by the other
CELLS = 50_000_000  # records times classes that are counted at most
# Of 0 to 1, from constant to certain. The best honest columns of Adult, heart, iris, wine, breast cancer, digits and
# diabetes tell 0.88 (iris), a column in which 3 % of the answers were changed at random at least 0.9.
LEAST_OF_CLASSES = 0.9
LEAST_OF_NUMBERS = 0.95  # honest numbers hang together more than classes do: price and weight, one day and the next
NEIGHBOURS = (4, 16, 64)  # values that an answer is read off, in turn
LEAST_OF_CLASS = 10  # records that a class needs to count beside larger ones
LEAST_EXACT = 50  # records from which it is no accident that each value has one class


def leaking_columns(train: Dataset, states: dict[str, Any], target: Target) -> dict[str, float]:
    """Return the columns that alone foretell the answer, and how much of it, 0 to 1."""
    answers = dispatch.single_values(target, train.target) if any(_named(states)) else None
    if answers is None or len(train) < 2:
        return {}
    chosen = np.linspace(0, len(train) - 1, min(len(train), RECORDS)).astype(int)
    chosen = np.random.default_rng(0).permutation(chosen)
    found: dict[str, float] = {}
    for field, array, index, column in _named(states):
        values = np.asarray(train.inputs[field][array][:, index])[chosen]
        told = foretold(values, answers[chosen])
        if told >= (LEAST_OF_NUMBERS if answers.dtype.kind == "f" else LEAST_OF_CLASSES):
            found[column] = max(told, found.get(column, 0.0))
    return found


def sentences(leaks: dict[str, float]) -> list[str]:
    """Return a sentence for each column, with the setting that leaves all of them out."""
    setting = ", ".join(f"{_written(column)}: ignore" for column in leaks)
    return [
        f"column {column!r} alone foretells the answer ({told:.1%}): unless it is known beforehand, leave it out with "
        f"'inputs.table.kinds={{{setting}}}'"
        for column, told in leaks.items()
    ]


def foretold(values: np.ndarray, answers: np.ndarray) -> float:
    """Return how much one column tells of the answers, from 0, as a constant does, to 1; of classes at the least.

    values float[n], NaN where missing, or codes int[n]; answers are classes, int[n], or numbers, float[n]. The order of
    the records is random.
    """
    half = len(values) // 2
    folds = [(slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))]
    near = list(zip(*(_near(values[learn], values[score]) for learn, score in folds), strict=True))
    known = [answers[learn] for learn, _ in folds]
    true = np.concatenate([answers[score] for _, score in folds])
    if answers.dtype.kind == "f":
        line = [_on_line(values[learn], values[score], answers[learn]) for learn, score in folds]
        given = [line, *([_mean(one, own) for one, own in zip(pair, known, strict=True)] for pair in near)]
        return max(_explained(np.concatenate(one), true) for one in given)
    size = int(answers.max()) + 1
    if len(answers) * size > CELLS:
        return 0.0
    if _is_exact(values, answers):
        return 1.0
    found = []
    for pair in near:
        counts = [_counts(one, own, size) for one, own in zip(pair, known, strict=True)]
        found.append(
            _told(np.concatenate([one for one, _ in counts]), np.concatenate([one for _, one in counts]), true)
        )
    return max(found)


class _Near(NamedTuple):
    """An order of the known values, and for each one asked the stretch of it, from and to, that is near."""

    order: np.ndarray
    first: np.ndarray
    last: np.ndarray


def _near(known: np.ndarray, asked: np.ndarray) -> Iterator[_Near]:
    """Yield what is near: equal values, missing ones among themselves; to a number as many as NEIGHBOURS say."""
    order = np.argsort(known, kind="stable")  # NaN last
    ordered = known[order]
    first, last = np.searchsorted(ordered, asked, "left"), np.searchsorted(ordered, asked, "right")
    if known.dtype.kind != "f":
        yield _Near(order, first, last)
        return
    there = len(ordered) - int(np.isnan(ordered).sum())
    is_there = ~np.isnan(asked)
    for count in NEIGHBOURS:
        more = np.maximum(0, count - (last - first) + 1) // 2
        widened = np.maximum(0, first - more), np.minimum(there, last + more)
        yield _Near(order, np.where(is_there, widened[0], first), np.where(is_there, widened[1], last))


def _is_exact(values: np.ndarray, classes: np.ndarray) -> bool:
    """Say whether each value has one class and, in their order, each class one stretch, or two."""
    order = np.argsort(values, kind="stable")
    values, classes = values[order], classes[order]
    is_new = np.diff(values) != 0  # also from and among NaN
    is_new[np.isnan(values[:-1]) & np.isnan(values[1:])] = False
    changes = np.diff(classes) != 0
    known = len(np.unique(classes))
    return (
        1 < known <= len(classes) // LEAST_OF_CLASS
        and len(classes) >= LEAST_EXACT
        and bool(changes.sum() <= known and not (changes & ~is_new).any())
    )


def _counts(near: _Near, known: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes of what is near to each record asked, and of all, int[n, classes] each."""
    counts = np.zeros((len(known) + 1, size), np.int32)
    np.cumsum(np.eye(size, dtype=np.int32)[known[near.order]], 0, out=counts[1:])
    found = counts[near.last] - counts[near.first]
    found[near.last <= near.first] = counts[-1]
    return found, np.broadcast_to(counts[-1], found.shape)


def _told(near: np.ndarray, whole: np.ndarray, true: np.ndarray) -> float:
    """Return the share of a constant's mistakes that are not made, or of those where each class weighs the same."""
    plain = float((true == whole.argmax(1)).mean())
    right = wilson(float((true == near.argmax(1)).mean()), len(true))[0]
    told = (right - plain) / (1 - plain) if plain < 1 else 0.0
    counts = np.bincount(true)
    classes = np.flatnonzero(counts >= LEAST_OF_CLASS)
    if len(classes) < 2:
        return told
    is_right = true == (near / np.maximum(whole, 1)).argmax(1)
    recalls = [wilson(float(is_right[true == code].mean()), int(counts[code]))[0] for code in classes]
    return max(told, (float(np.mean(recalls)) - 1 / len(classes)) / (1 - 1 / len(classes)))


def _mean(near: _Near, known: np.ndarray) -> np.ndarray:
    """Return the mean answer of what is near to each record asked."""
    sums = np.concatenate([[0.0], np.cumsum(known[near.order], dtype=np.float64)])
    means = (sums[near.last] - sums[near.first]) / np.maximum(near.last - near.first, 1)
    return np.asarray(np.where(near.last > near.first, means, known.mean()))


def _on_line(values: np.ndarray, asked: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the answers on a straight line, which reaches further than neighbours do; of codes their mean."""
    is_there = np.isfinite(values)
    if values.dtype.kind != "f" or is_there.sum() < 2 or not np.ptp(values[is_there]):
        return np.full(len(asked), known.mean())
    slope, height = np.polyfit(values[is_there].astype(np.float64), known[is_there].astype(np.float64), 1)
    return np.asarray(np.where(np.isfinite(asked), slope * asked + height, known.mean()))


def _explained(given: np.ndarray, true: np.ndarray) -> float:
    """Return the share of the spread of the answers, or of their ranks where these agree more, that is explained."""

    def share(given: np.ndarray, true: np.ndarray) -> float:
        spread = float(true.var())
        return float(1 - ((given - true) ** 2).mean() / spread) if spread else 0.0

    if (np.unique(true, return_counts=True)[1] > len(true) // LEAST_OF_CLASS).any():
        return share(given, true)  # ranks say little where many answers are one
    ranks = [np.argsort(np.argsort(one, kind="stable"), kind="stable") for one in (given, true)]
    return max(share(given, true), share(ranks[0], ranks[1]))


def _named(states: dict[str, Any]) -> Iterator[tuple[str, str, int, str]]:
    """Yield field, array, place in it and name of each column; of a date's parts the date's."""
    for field, state in states["inputs"].items():
        kinds = state.get("kinds", {})
        for array, columns in state.get("names", {}).items():
            for index, name in enumerate(columns):
                yield field, array, index, name if name in kinds else name.rpartition(".")[0] or name


def _written(column: str) -> str:
    """Return a column's name as it is written in a setting."""
    return column if re.fullmatch(r"[A-Za-z_][\w-]*", column) else json.dumps(column, ensure_ascii=False)
