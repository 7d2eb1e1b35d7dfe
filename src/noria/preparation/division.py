"""Which records are for training, validation and test: as the source says, or else by a hash of what they hold.

A hash, so that a record stays on its side when others are added. Knows no task. Read next: preparation.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from noria.errors import UserError
from noria.job.data import Split
from noria.pipeline.fields import values_of
from noria.sources.core.layout import SPLITS as SPLIT_WORDS
from noria.store.array_store import SPLITS
from noria.store.hashing import hash_values, share
from noria.types import Rows

TRAIN, VALIDATION, TEST = 0, 1, 2  # as in SPLITS
SHOWN_ITEMS = 12


@dataclass(frozen=True)
class Division:
    """For each record its side (TRAIN, VALIDATION or TEST), what the source says of it (-1: nothing), and its hash.

    sides and stated int8[n], hashes uint64[n]: records with equal hashes must stand on one side. `unread` says how many
    more could not be read, and why the first could not.
    """

    sides: np.ndarray
    stated: np.ndarray
    hashes: np.ndarray
    unread: str = ""


def divide(chunks: Iterable[Rows], split: Split, fields: Sequence[str | list[str]], where: str) -> Division:
    """Divide records; `fields` are the columns whose values are hashed. Raises UserError where there are none."""
    stated: list[np.ndarray] = []
    hashes: list[np.ndarray] = []
    first, num_unread = "", 0
    sides = _Stated(split)
    for rows in chunks:
        num_unread += len(rows.bad)
        first = first or next((f"{one.where}: {one.reason}" for one in rows.bad), "")
        stated.append(sides.of(rows))
        hashes.append(_hash(rows, split, fields))
    if not sum(len(part) for part in stated):
        raise UserError("there are no usable records", where=where, found=first)
    sides.check(where)
    joined = np.concatenate(hashes)
    if split.block is not None:
        joined = hash_values(np.arange(len(joined))[:, None] // split.block, split.seed)
    unread = f"{num_unread} records could not be read, first {first}" if first else ""
    return replace(_divided(np.concatenate(stated), joined, split), unread=unread)


def _divided(stated: np.ndarray, hashes: np.ndarray, split: Split) -> Division:
    """Share out the records of which the source does not say that they are for validation or test."""
    sides = np.maximum(stated, np.int8(TRAIN))
    test = 0.0 if (stated == TEST).any() else split.test
    validation = 0.0 if (stated == VALIDATION).any() else split.validation
    ours = np.flatnonzero(stated <= TRAIN)
    at = 1 - (np.arange(len(ours)) + 0.5) / len(ours) if split.order else share(hashes[ours])
    sides[ours[at < test + (1 - test) * validation]] = VALIDATION
    sides[ours[at < test]] = TEST
    return Division(np.asarray(sides), stated, hashes)


class _Stated:
    """What the source says: by a column, by values of it that the job names, or by files and folders."""

    def __init__(self, split: Split) -> None:
        self._column, self._seen = split.column, set[str]()
        self._named = {str(value): name for name, values in split.values.items() for value in values}

    def of(self, rows: Rows) -> np.ndarray:
        said: Iterable[Any] = rows.columns[self._column] if self._column else [rows.split] * len(rows)
        if self._named:
            self._seen.update(map(str, said))
            said = [self._named.get(str(value), "") for value in said]
        return np.array(list(_codes(said, rows)), np.int8)

    def check(self, where: str) -> None:
        """Raise UserError for a value that the job names and no record has."""
        if missing := [value for value in self._named if value not in self._seen]:
            raise UserError(
                f"no record has the {self._column} {missing[0]!r}, which data.split.values names",
                where=where,
                found=", ".join(sorted(self._seen)[:SHOWN_ITEMS]),
            )


def _codes(said: Iterable[Any], rows: Rows) -> Iterator[int]:
    """Yield -1 where the source says nothing, else TRAIN, VALIDATION or TEST."""
    codes = {"": -1} | {word: SPLITS.index(split) for word, split in SPLIT_WORDS.items()}
    for index, value in enumerate(said):
        word = "" if value is None else str(value).strip().lower()
        if word not in codes:
            expected = f"{', '.join(SPLIT_WORDS)}, or nothing"
            raise UserError("unknown split", where=rows.where(index), expected=expected, found=repr(str(value)))
        yield codes[word]


def _hash(rows: Rows, split: Split, fields: Sequence[str | list[str]]) -> np.ndarray:
    """Return uint64[n]: of the raw inputs, or of the group where one is named and the record has one."""
    total = np.zeros(len(rows), np.uint64)
    for columns in fields:
        own = hash_values(values_of(rows, columns), split.seed)
        total = hash_values(np.stack([total, own], 1))
    if split.group:
        groups = rows.columns[split.group]
        has_group = np.array([group is not None and str(group).strip() != "" for group in groups])
        total = np.where(has_group, hash_values(groups, split.seed), total)
    return total
