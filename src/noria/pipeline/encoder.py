"""From raw records to encoded ones, chunk by chunk: the one way for training, scores, answers, search and the server.

    source -rows-> RecordEncoder -EncodedChunk-> the store | Predictor.answers | scores | an index of vectors

At most a chunk of records is in memory. A record that cannot be used is told with its place and reason, in the order of
the records. Knows no task. Read next: predictor.py, sinks.py, stages/prepare.py.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import Modality, Target, Task, answer_field, dispatch
from noria.contract.source import Source
from noria.errors import UserError
from noria.pipeline.fields import Columns, content_of, encode_answer, encode_input, values_of
from noria.store.hashing import hash_values
from noria.types import Arrays, Dataset, Encoded, Rejected, Rows, Values, concatenated, in_order, rows_of

ALL = ("train", "validation", "test", "")  # the splits that a source may put records in; "" where it says nothing
NO_CELL = (bytes, bytearray, np.ndarray, list, tuple, dict)  # what fills a field, but not a cell that people read
RECORDS, FILES = 1024, 128  # in memory at once, cells and whole files (pictures, clips)


@dataclass(frozen=True)
class EncodedChunk:
    """A stretch of encoded records, without those that cannot be used.

    `records` has their places and, as codes, the columns they are sliced by; its target is empty without answers. `ids`
    name them within their source: row numbers, file names. `kept` int64[n] are their indices among the records as read.
    `rejected` are the others, in order. `values` and `answers` are raw and of all; file names in them are below `root`.
    `cut`, by field, are the records that are too long to be read whole: how many tokens are read, how many there are.
    `columns` are all columns of the source as read, those that fill no field too.
    """

    records: Dataset
    ids: list[str]
    rejected: list[Rejected]
    kept: np.ndarray
    values: Mapping[str, Values]
    answers: Values | None = None
    root: Path | None = None
    cut: Mapping[str, Mapping[int, tuple[int, int]]] = field(default_factory=dict)
    columns: Mapping[str, Sequence[Any] | np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.kept)

    @cached_property
    def columns_of_cells(self) -> list[str]:
        """Return the columns of texts and numbers, not of files, arrays and lists, by the first value there is."""
        first = {name: next((one for one in values if one is not None), None) for name, values in self.columns.items()}
        return [name for name, one in first.items() if not isinstance(one, NO_CELL)]

    def raw(self, index: int, task: Task) -> dict[str, Any]:
        """Return the raw inputs of a usable record; of a file that a cell names, what it holds."""
        return {name: self._raw(index, task.inputs[name], values) for name, values in self.values.items()}

    def raw_answer(self, index: int, task: Task) -> Any:
        """Return the raw answer of a usable record; None where answers were not encoded."""
        return None if self.answers is None else self._raw(index, task.target, self.answers)

    def _raw(self, index: int, component: Modality | Target, values: Values) -> Any:
        row = int(self.kept[index])
        if isinstance(values, Mapping):
            return {name: cells[row] for name, cells in values.items()}
        value = values[row]
        if component.raw_type == "file" and isinstance(value, str | os.PathLike):
            return content_of(value, self.root)
        return value


@dataclass(frozen=True)
class Piece:
    """Records as read: `count` of them, with those that cannot be used; encoded only where that is asked.

    `encode_but_for` leaves some out by their places from 0, each with the reason that stands in its place.
    """

    count: int
    encode_but_for: Callable[[Mapping[int, str]], EncodedChunk]

    def encode(self) -> EncodedChunk:
        """Return all records encoded."""
        return self.encode_but_for({})


class RecordEncoder:
    """Encodes records by what was learnt from training. `mapping`: which columns fill which field.

    The answer is encoded where `mapping` has its column. `slices` are columns whose values become codes; `slice_names`
    are these values by column, in the order of their codes, once the records were read. `group` is the column that says
    which records are of one thing.
    """

    def __init__(
        self,
        task: Task,
        states: Mapping[str, Any],
        mapping: Columns,
        root: Path | None = None,
        slices: Sequence[str] = (),
        group: str | None = None,
    ) -> None:
        self.task, self.states, self.mapping, self.root, self.group = task, states, mapping, root, group
        self._codes: dict[str, dict[str, int]] = {column: {} for column in slices}

    def chunks(self, source: Source, splits: Iterable[str] = ALL, least: int = 1) -> Iterator[EncodedChunk]:
        """Yield the records of some splits, in order; a chunk has `least` records even where they are files."""
        for piece in self.pieces(source, splits, least):
            yield piece.encode()

    def pieces(self, source: Source, splits: Iterable[str] = ALL, least: int = 1) -> Iterator[Piece]:
        """Yield the same as `chunks` does, to be encoded or skipped: always the same pieces of the same source."""
        for rows in self._rows(source, least):
            if rows.split in splits:
                yield Piece(len(rows) + len(rows.bad), partial(self._chunk_but_for, rows, source.columns))

    def _chunk_but_for(self, rows: Rows, names: Sequence[str], reasons: Mapping[int, str]) -> EncodedChunk:
        return self.chunk(rows.without(reasons) if reasons else rows, names)

    def single(self, values: Mapping[str, Callable[[], Any]], where: str, name: str) -> Piece:
        """Return one record alone, whose values are got when it is encoded; `name` is its id."""

        def encode(reasons: Mapping[int, str]) -> EncodedChunk:
            if reasons:
                return self.encode({field: [] for field in values}, [], [], [Rejected(where, reasons[0])])
            return self.encode({field: [get()] for field, get in values.items()}, [where], [name])

        return Piece(1, encode)

    def to_score(
        self, source: Source, see: Callable[[str, EncodedChunk], None] = lambda *_: None
    ) -> tuple[list[EncodedChunk], dict[str, int], str]:
        """Encode the test split of a source that has one, else all of it; also return how many records of each other
        split are left out, and what is scored: "test", "all", or "" where the source says nothing.

        `see` is given each chunk, and which of these it would be scored as, before its raw values are let go.

        The source is read once, but for one that says which records are for what, and none for test.
        """
        counts: Counter[str] = Counter()
        found: dict[str, list[EncodedChunk]] = {"test": [], "": []}
        for rows in self._rows(source):
            counts[rows.split] += len(rows)
            if rows.split in found and not (rows.split == "" and counts["test"]):
                see(rows.split, chunk := self.chunk(rows))
                found[rows.split].append(_without_raw(chunk))
        if counts["test"]:
            del counts["test"]
            return found["test"], {split or "no split": count for split, count in counts.items() if count}, "test"
        if not counts.keys() - {""}:
            return found[""], {}, ""
        every = []
        for chunk in self.chunks(source):
            see("all", chunk)
            every.append(_without_raw(chunk))
        return every, {}, "all"

    def _rows(self, source: Source, least: int = 1) -> Iterator[Rows]:
        yield from source.rows(max(least, records_at_once(self.task)))

    def chunk(self, rows: Rows, names: Sequence[str] = ()) -> EncodedChunk:
        """Encode a chunk as read; `names` are the columns of its source, which a chunk without a record may lack."""
        answer = self.mapping.get(answer_field(self.task))
        values = {name: values_of(rows, self.mapping.get(name)) for name in self.task.inputs}
        found = self.encode(
            values,
            [rows.where(i) for i in range(len(rows))],
            list(map(str, rows.numbers)),
            rows.bad,
            None if answer is None else values_of(rows, answer),
        )
        columns = {**dict.fromkeys(names, ()), **rows.columns}
        slices = {column: self._coded(column, values_of(rows, column))[found.kept] for column in self._codes}
        groups = None if self.group is None else _groups(rows, self.group)[found.kept]
        return replace(found, records=replace(found.records, slices=slices, groups=groups), columns=columns)

    def encode(
        self,
        values: Mapping[str, Values],
        wheres: Sequence[str],
        ids: Sequence[str],
        unread: Sequence[Rejected] = (),
        answers: Values | None = None,
    ) -> EncodedChunk:
        """Encode raw values of n records by field. `unread` are records beside them that could not even be read."""
        found, reasons = self._encoded_inputs(values)
        inputs, target = {name: encoded.arrays for name, encoded in found.items()}, Encoded({})
        if answers is not None:
            target = encode_answer(self.task, answers, self.states["target"], inputs, self.root)
            reasons = {**target.bad, **reasons}
        cut = {name: one.cut for name, one in [*found.items(), (answer_field(self.task), target)] if one.cut}
        kept = np.array([i for i in range(len(wheres)) if i not in reasons], np.int64)
        if reasons:
            inputs = {name: rows_of(arrays, kept) for name, arrays in inputs.items()}
            target = Encoded(rows_of(target.arrays, kept))
        places = [wheres[i] for i in kept]
        rejected = in_order(wheres, unread, reasons)
        records = Dataset(inputs, target.arrays, places=places)
        return EncodedChunk(records, [ids[i] for i in kept], rejected, kept, values, answers, self.root, cut)

    def encode_inputs(self, values: Mapping[str, Values]) -> tuple[dict[str, Arrays], dict[int, str]]:
        """Return the arrays of all records by input, and by index why some cannot be used."""
        found, reasons = self._encoded_inputs(values)
        return {name: encoded.arrays for name, encoded in found.items()}, reasons

    def _encoded_inputs(self, values: Mapping[str, Values]) -> tuple[dict[str, Encoded], dict[int, str]]:
        inputs: dict[str, Encoded] = {}
        reasons: dict[int, str] = {}
        for name, modality in self.task.inputs.items():
            inputs[name] = encode_input(modality, values[name], self.states["inputs"][name], self.root)
            prefix = f"{name}: " if len(self.task.inputs) > 1 else ""
            reasons |= {index: prefix + reason for index, reason in inputs[name].bad.items()}
        return inputs, reasons

    @property
    def slice_names(self) -> dict[str, list[str]]:
        return {column: list(codes) for column, codes in self._codes.items()}

    def _coded(self, column: str, values: Values) -> np.ndarray:
        codes = self._codes[column]
        return np.array([codes.setdefault(str(value), len(codes)) for value in values], np.int32)


def records_at_once(task: Task) -> int:
    """Return how many raw records of a task are held and encoded at once: fewer where they are whole files."""
    takes_file = any(modality.raw_type == "file" for modality in task.inputs.values())
    return FILES if takes_file else RECORDS


def gathered(task: Task, chunks: Iterable[EncodedChunk], where: str) -> tuple[Dataset, list[Rejected]]:
    """Return the records of all chunks as one data set as the task scores them, and those that cannot be used."""
    parts, rejected = [], []
    for chunk in chunks:
        rejected += chunk.rejected
        parts.append(chunk.records)
    parts = [part for part in parts if len(part)] or parts[:1]
    if not parts:
        raise UserError("there are no usable records", where=where)
    first = parts[0]
    whole = Dataset(
        {name: _joined([part.inputs[name] for part in parts]) for name in first.inputs},
        _joined([part.target for part in parts]),
        _joined([part.slices for part in parts]),
        places=[place for part in parts for place in part.places or ()],
        groups=None if first.groups is None else np.concatenate([part.groups for part in parts]),
    )
    return dispatch.windows(task, whole), rejected


def _without_raw(chunk: EncodedChunk) -> EncodedChunk:
    return replace(chunk, values={}, answers=None)


def _groups(rows: Rows, column: str) -> np.ndarray:
    """Return uint64[n], equal for equal values of a column; a record that has none is alone."""
    values = rows.columns[column]
    is_alone = np.array([value is None or not str(value).strip() for value in values], bool)
    alone = hash_values([rows.where(i) for i in range(len(rows))], seed=1)
    return np.where(is_alone, alone, hash_values(values))


def _joined(parts: Sequence[Arrays]) -> Arrays:
    return {name: concatenated([part[name] for part in parts]) for name in parts[0]}
