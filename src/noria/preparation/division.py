"""Which records are for training, validation and test: as the source says, or else by a hash of what they hold.

A hash, so that a record stays on its side when others are added; a class that would be missing from test gets some of
its records there. Where test is named by values of a column, validation has whole values of it too. Of cross-validation
one fold is test, and the source's own test stays out of it. Knows no task. Read next: preparation.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from noria.errors import UserError
from noria.job.data import Split
from noria.pipeline.fields import values_of
from noria.preparation.filling import filled
from noria.preparation.whole_values import WholeValues
from noria.sources.core.layout import SPLITS as SPLIT_WORDS
from noria.store.array_store import SPLITS
from noria.store.hashing import hash_values, share
from noria.types import Rows, Values

TRAIN, VALIDATION, TEST = 0, 1, 2  # as in SPLITS
LEFT_OUT = 3  # of cross-validation: what the source itself keeps for test
SHOWN_ITEMS = 12
# What a column may say beside the words that folders and files are called by.
COLUMN_WORDS = SPLIT_WORDS | {
    **dict.fromkeys(("tr", "trn"), "train"),
    **dict.fromkeys(("te", "tst", "hold-out", "held-out", "heldout"), "test"),
}


LEAST_GROUPS = 10  # into fewer a source's records are not divided by what it says belongs together
FEW_GROUPS = 200  # fewer are shared out in turn: by their hashes alone a split could be left without any
LEAST_CLASS = 5  # records of a class, from which test has one


@dataclass(frozen=True)
class Division:
    """For each record its side (TRAIN, ..., LEFT_OUT), what the source says of it (-1: nothing), and its hash.

    sides and stated int8[n], hashes uint64[n]: records with equal hashes must stand on one side. `notes` say which
    words of a column were taken for which split, and what was kept together because the source says so.
    """

    sides: np.ndarray
    stated: np.ndarray
    hashes: np.ndarray
    notes: Sequence[str] = ()


def divide(
    chunks: Iterable[Rows],
    split: Split,
    fields: Sequence[str | list[str]],
    where: str,
    groups: Sequence[str] = (),
    keys: Callable[[Rows], list[str | None]] | None = None,
    classes: Callable[[Rows], Values] | None = None,
) -> Division:
    """Divide records; `fields` are the columns whose values are hashed. Raises UserError where there are none.

    `groups`: the columns by which the source says what belongs together; what the job says of it wins. `keys` says it
    of the records of a chunk where an input knows (split.by). `classes`: of a chunk, where each record has one.
    """
    stated: list[np.ndarray] = []
    hashes: list[np.ndarray] = []
    first = ""
    known: list[np.ndarray] = []
    sides = _Stated(split)
    together = _Together(() if split.group or split.block or split.order or keys else groups)
    people = WholeValues(split, classes)
    for rows in chunks:
        first = first or next((f"{one.where}: {one.reason}" for one in rows.bad), "")
        stated.append(sides.of(rows))
        people.see(rows)
        own = split_hashes(rows, split, fields)
        if keys is not None:
            found = keys(rows)
            known.append(np.array([key is not None for key in found], bool))
            own = np.where(known[-1], hash_values(["" if key is None else key for key in found], split.seed), own)
        hashes.append(own)
        together.see(rows, split.seed)
    if not sum(len(part) for part in stated):
        raise UserError("there are no usable records", where=where, found=first)
    sides.check(where)
    joined = np.concatenate(hashes)
    if split.block is not None:
        joined = hash_values(np.arange(len(joined))[:, None] // split.block, split.seed)
    of_source, joined, note = np.concatenate(stated), *together.kept(joined)
    if split.folds is not None:
        divided = _folded(of_source, joined, split, where)
    else:
        held, of_values = people.held(of_source, joined)
        note = of_values or note
        divided = _divided(of_source, joined, split, np.concatenate(known) if known else None, held)
    is_ours = bool(((divided.sides != TRAIN) & (of_source <= TRAIN)).any())
    notes = [*sides.notes(), *([note] if note and is_ours else []), *_parted(divided.sides, joined, split)]
    return replace(divided, notes=[*notes, *divided.notes])


def _parted(sides: np.ndarray, hashes: np.ndarray, split: Split) -> list[str]:
    """Say how many of the groups that the job asks for stand in several splits, as what the data says goes first."""
    if split.group is None:
        return []
    pairs = np.unique(np.stack([hashes, sides.astype(np.uint64)]), axis=1)
    different, counts = np.unique(pairs[0], return_counts=True)
    parted = int((counts > 1).sum())
    if not parted:
        return []
    return [f"{parted:,} of {len(different):,} values of {split.group!r} stand in several splits: the data divides so"]


def _divided(
    stated: np.ndarray, hashes: np.ndarray, split: Split, known: np.ndarray | None, held: np.ndarray | None
) -> Division:
    """Share out the records of which the source does not say that they are for validation or test.

    known bool[n]: those of which it can be told what they belong to; the others cannot be used, and are not counted.
    held bool[n]: those that are validation, where that is settled.
    """
    sides = np.maximum(stated, np.int8(TRAIN))
    test = 0.0 if (stated == TEST).any() else split.test
    validation = 0.0 if (stated == VALIDATION).any() else split.validation
    ours = np.flatnonzero(stated <= TRAIN)
    if held is not None:
        return Division(np.where(held, np.int8(VALIDATION), sides), stated, hashes)
    if known is not None:
        ours = ours[known[ours]]
        sides[ours], note = filled(hashes[ours], split, validation * (1 - test), test)
        return Division(np.asarray(sides), stated, hashes, [note])
    at = 1 - (np.arange(len(ours)) + 0.5) / len(ours) if split.order else share(hashes[ours])
    sides[ours[at < test + (1 - test) * validation]] = VALIDATION
    sides[ours[at < test]] = TEST
    return Division(np.asarray(sides), stated, hashes)


def _folded(stated: np.ndarray, hashes: np.ndarray, split: Split, where: str) -> Division:
    """Make one fold test: one of equal parts of all different hashes, drawn anew so that validation is none of them.

    What the source says of training and validation counts for nothing: each of these records is test in one fold.
    """
    assert split.folds is not None
    own, count = split.folds
    is_ours = stated != TEST
    different, places = np.unique(hashes[is_ours], return_inverse=True)
    total = len(different)
    if total < count:
        raise UserError(
            "there are more folds than records that can be told apart, or groups of what belongs together",
            where=where,
            expected=f"at least {count}",
            found=str(total),
            fix=f"take fewer: evaluate.folds={total}" if total > 1 else "leave evaluate.folds out",
        )
    fold = np.empty(total, np.int64)
    fold[np.argsort(hash_values(different[:, None], seed=2), kind="stable")] = np.arange(total) * count // total
    rest = np.flatnonzero(fold != own - 1)
    of_hash = np.where(fold == own - 1, TEST, TRAIN)
    of_hash[rest[: min(math.ceil(split.validation * len(rest)), len(rest) - 1)]] = VALIDATION
    sides = np.full(len(stated), LEFT_OUT, np.int8)
    sides[is_ours] = of_hash[places]
    left_out = len(sides) - np.count_nonzero(is_ours)
    notes = [f"{left_out:,} records that the data itself keeps for test are in no fold"] if left_out else []
    return Division(sides, np.where(is_ours, np.int8(-1), stated), hashes, notes)


class _Together:
    """Which records the source says belong together, by the first of its columns that has enough different values."""

    def __init__(self, groups: Sequence[str]) -> None:
        self._hashes: dict[str, list[np.ndarray]] = {column: [] for column in groups}

    def see(self, rows: Rows, seed: int) -> None:
        for column, hashes in self._hashes.items():
            hashes.append(_of_group(rows, column, seed, np.zeros(len(rows), np.uint64)))

    def kept(self, hashes: np.ndarray) -> tuple[np.ndarray, str]:
        """Return the hashes, equal for what belongs together, and a sentence on it where there is something."""
        for column, parts in self._hashes.items():
            own = np.concatenate(parts)
            different, index = np.unique(own[own != 0], return_inverse=True)
            if len(different) == np.count_nonzero(own) or len(different) < LEAST_GROUPS:
                continue  # each stands alone, or too few would be divided
            if len(different) < FEW_GROUPS:
                different = ((np.arange(len(different)) + 0.5) / len(different) * 2.0**64).astype(np.uint64)
            joined = hashes.copy()
            joined[own != 0] = different[index]
            return joined, (
                f"records of one {column} stay in one split, {len(different):,} of them; data.split.group names another"
                " column, data.split.block=1 divides record by record"
            )
        return hashes, ""


def missing_from_test(codes: np.ndarray, sides: np.ndarray, hashes: np.ndarray, split: Split) -> np.ndarray:
    """Return the training records that have to move so that test has some of each class with LEAST_CLASS records.

    codes int[n], the class of each record, -1 where it has none. As many as the share of test asks for, and those whose
    hashes are next to it: where data is added later, only these can come to stand on another side.
    """
    counts = np.bincount(codes[codes >= 0])
    absent = np.setdiff1d(np.flatnonzero(counts >= LEAST_CLASS), codes[sides == TEST])
    moved = []
    for code in absent:
        own = np.flatnonzero((codes == code) & (sides == TRAIN))
        next_ones = np.unique(hashes[own])[: max(1, round(split.test * len(own)))]
        if len(next_ones) < len(np.unique(hashes[own])):  # the class must stay in training
            moved.append(np.flatnonzero(np.isin(hashes, next_ones) & (sides == TRAIN)))
    return np.concatenate(moved) if moved else np.zeros(0, np.int64)


class _Stated:
    """What the source says: by a column, by values of it that the job names, or by files and folders."""

    def __init__(self, split: Split) -> None:
        self._column, self._seen, self._words = split.column, set[str](), set[str]()
        named = [(value, name) for name, values in split.values.items() for value in values]
        self._named = {str(value): name for value, name in named}
        self._numbers = {value: name for value, name in named if isinstance(value, int)}

    def of(self, rows: Rows) -> np.ndarray:
        said: Iterable[Any] = rows.columns[self._column] if self._column else [rows.split] * len(rows)
        if self._named:
            self._seen.update(map(str, said))
            said = [self._said(value) for value in said]
        if self._column:
            self._words.update(str(value).strip() for value in said)
        return np.array(list(_codes(said, rows)), np.int8)

    def _said(self, value: Any) -> Any:
        """Return the split that the job calls a value, else the value itself where it is a word for one, or nothing."""
        word = str(value)
        if word in self._named:
            return self._named[word]
        if word.isdecimal() and int(word) in self._numbers:  # 02 of a file's name, which YAML reads as 2
            self._seen.add(str(int(word)))
            return self._numbers[int(word)]
        return value if _word(value) in COLUMN_WORDS else ""

    def notes(self) -> list[str]:
        """Return what words that are not train, validation and test themselves were taken for."""
        taken = [f"{word} is {COLUMN_WORDS[word.lower()]}" for word in sorted(self._words - {*SPLITS, "", "None"})]
        return [f"of the column {self._column!r}: {', '.join(taken)}"] if taken else []

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
    codes = {"": -1} | {word: SPLITS.index(split) for word, split in COLUMN_WORDS.items()}
    for index, value in enumerate(said):
        word = _word(value)
        if word not in codes:
            raise UserError(
                "unknown split",
                where=rows.where(index),
                expected=f"{', '.join(COLUMN_WORDS)}, or nothing",
                found=repr(str(value)),
                fix=f"say which split it is: data.split.values={{validation: [{value}]}}",
            )
        yield codes[word]


def _word(value: Any) -> str:
    return "" if value is None else str(value).strip().lower()


def split_hashes(rows: Rows, split: Split, fields: Sequence[str | list[str]]) -> np.ndarray:
    """Return uint64[n]: of the raw inputs, or of the group where one is named and the record has one."""
    total = content_hashes(rows, fields, split.seed)
    return _of_group(rows, split.group, split.seed, total) if split.group else total


def content_hashes(rows: Rows, fields: Sequence[str | list[str]], seed: int = 0) -> np.ndarray:
    """Return uint64[n]: of the raw values of some columns."""
    total = np.zeros(len(rows), np.uint64)
    for columns in fields:
        total = hash_values(np.stack([total, hash_values(values_of(rows, columns), seed)], 1))
    return total


def _of_group(rows: Rows, column: str, seed: int, otherwise: np.ndarray) -> np.ndarray:
    """Return uint64[n]: the hash of the value of a column, `otherwise` where a record has none."""
    groups = rows.columns[column]
    has_group = np.array([group is not None and str(group).strip() != "" for group in groups])
    return np.where(has_group, hash_values(groups, seed), otherwise)
