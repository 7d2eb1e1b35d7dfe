"""A window of records that a model answers, observed: from a file, a folder or a table, with their truth where it is.

Read next: live.py for those that come one by one; assess.py.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from noria.contract import answer_field
from noria.errors import UserError
from noria.pipeline.encoder import EncodedChunk, Piece
from noria.pipeline.fields import encode_answer, select, values_of
from noria.pipeline.observations import Observations, joined, observe
from noria.pipeline.other_data import one_file_field, open_other
from noria.pipeline.predictor import Predictor
from noria.pipeline.record_hashes import record_hashes
from noria.store.array_store import named_arrays
from noria.types import Arrays, Rows
from noria.units import count_of

MOST_RECORDS = 2000  # of a window, the last ones: among more, differences are found that matter to nobody
Column: TypeAlias = str | list[str] | None  # of the true answers


class Window:
    """The last records of some paths, as a model answers them; `remarks` are what a person should know of them.

    learnt: hashes of records that the model learnt from, which show nothing and are left out.
    """

    def __init__(self, predictor: Predictor, most: int = MOST_RECORDS, learnt: np.ndarray | None = None) -> None:
        self._predictor, self._most, self._learnt = predictor, most, learnt
        self._parts: list[Observations] = []
        self._unusable, self._untrue = Counter[str](), Counter[str]()
        self._num_seen = self._num_learnt = 0

    def read(self, path: Path, tell: Callable[[str], None] = lambda _: None) -> None:
        """Answer the records of a file, a folder or a table; raise UserError where it cannot be read."""
        for piece, column in self.pieces(path, tell):
            self.take(piece, column)

    def pieces(self, path: Path, tell: Callable[[str], None]) -> Iterator[tuple[Piece, Column]]:
        """Yield the records of a path, to be taken or passed over, with the column of their true answers."""
        bundle = self._predictor.bundle
        if not path.exists():
            raise UserError("there is no such file or folder", where=str(path))
        if one_file_field(bundle, path) is not None:
            yield from ((piece, None) for piece in self._predictor.pieces(path, tell))
            return
        source, mapping = open_other(bundle, path)
        column = mapping.get(answer_field(bundle.task))
        yield from ((piece, column) for piece in self._predictor.pieces(source, tell))

    def take(self, piece: Piece, column: Column) -> None:
        """Answer some records; their true answers stand in a column, where there is one."""
        chunk = piece.encode()
        self._unusable.update(one.reason for one in chunk.rejected)
        if len(chunk := self._without_learnt(chunk)):
            self.add(chunk, *self._truth(chunk, column))

    def pass_over(self, piece: Piece) -> None:
        """Count records that stand too far from the end."""
        self._num_seen += piece.count

    def _without_learnt(self, chunk: EncodedChunk) -> EncodedChunk:
        if self._learnt is None or not len(chunk):
            return chunk
        filled = [name for name in self._predictor.task.inputs if name in self._predictor.bundle.config["fields"]]
        is_new = ~np.isin(record_hashes(named_arrays(chunk.records), filled), self._learnt)
        self._num_learnt += int((~is_new).sum())
        chosen = np.flatnonzero(is_new)
        wheres = chunk.records.wheres()
        records = replace(chunk.records.select(chosen), places=[wheres[i] for i in chosen])
        return replace(chunk, records=records, kept=chunk.kept[chosen])

    def add(self, chunk: EncodedChunk, truth: Arrays | None, is_known: np.ndarray) -> None:
        """Answer a chunk of records; `is_known` says bool[n] whose truth counts."""
        output = self._predictor.outputs_and_vectors(chunk.records)
        seen = observe(self._predictor, output, chunk.records.wheres(), truth, is_known)
        self._num_seen += len(chunk)
        self._parts = [joined([*self._parts, seen]).last(self._most)]

    def _truth(self, chunk: EncodedChunk, column: Column) -> tuple[Arrays | None, np.ndarray]:
        """Return the true answers of a chunk's records, and which of them are known."""
        task, none = self._predictor.task, np.zeros(len(chunk), bool)
        if column is None:
            return None, none
        rows = Rows(chunk.columns, "", range(len(next(iter(chunk.columns.values())))))
        given = select(values_of(rows, column), chunk.kept)
        found = encode_answer(task, given, self._predictor.states["target"], chunk.records.inputs, chunk.root)
        self._untrue.update(found.bad.values())
        is_known = ~none
        is_known[list(found.bad)] = False
        return (found.arrays, is_known) if is_known.any() else (None, none)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    @property
    def observations(self) -> Observations:
        """Return what is kept of the last records; raise UserError where there are none."""
        if not self._parts:
            raise UserError("there are no usable records to watch", found=_counted(self._unusable) or "no record")
        return self._parts[0]

    @property
    def remarks(self) -> list[str]:
        """Return what was left out, and why."""
        said = []
        if self._num_seen > self._most:
            said.append(f"the window is the last {self._most:,} of {self._num_seen:,} records")
        if self._num_learnt:
            said.append(f"the model learnt from {count_of(self._num_learnt, 'record')}, left out")
        if self._unusable:
            said.append(f"{count_of(self._unusable.total(), 'record')} cannot be used: {_counted(self._unusable)}")
        if self._untrue:
            count = count_of(self._untrue.total(), "record")
            said.append(f"the truth of {count} cannot be used: {_counted(self._untrue)}")
        return said


def window_of(
    predictor: Predictor, paths: Sequence[str | os.PathLike[str]], tell: Callable[[str], None] = lambda _: None
) -> Window:
    """Return the window of the records of some paths, in their order; only the last ones are answered."""
    window, waiting, count = Window(predictor), deque[tuple[Piece, Column]](), 0
    for path in paths:
        for piece, column in window.pieces(Path(path).expanduser(), tell):
            waiting.append((piece, column))
            count += piece.count
            while count - waiting[0][0].count >= MOST_RECORDS:
                passed, _ = waiting.popleft()
                window.pass_over(passed)
                count -= passed.count
    for piece, column in waiting:
        window.take(piece, column)
    return window


def _counted(reasons: Counter[str]) -> str:
    """Return the commonest reason, and how many records have others."""
    if not reasons:
        return ""
    (reason, count), *_ = reasons.most_common(1)
    rest = reasons.total() - count
    return f"{reason} ({count:,})" + (f", others {rest:,}" if rest else "")
