"""Arrays of records: plain, of rows of unequal length (Ragged), or pieces of one long row (Windows)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

# One field's values, one per record: a list, an array whose first axis is the record, or, for a modality that takes
# several columns at once (a table), a dict of such columns.
Values: TypeAlias = "list[Any] | np.ndarray | Mapping[str, list[Any] | np.ndarray]"
# Encoded fields or settled outputs by name, each [n, ...] as np.ndarray, Ragged or Windows. Typed Any, as a union would
# make every reader prove which of the three it holds. An array whose name starts with an underscore is for people and
# metrics (a raw text): it never becomes a tensor.
Arrays: TypeAlias = dict[str, Any]

PAD = -1  # what fills short rows of integers (ids, tags), which are never -1; other rows have lengths beside them


def lengths_of(name: str) -> str:
    """Return the name of the tensor that says how long the rows of an array are, int64[B]: it stands beside it."""
    return f"{name}.lengths"


@dataclass(frozen=True)
class Ragged:
    """Rows of unequal length in one array: row i is values[offsets[i] : offsets[i + 1]].

    values [total, ...], offsets int64[n + 1]. Indexed by an integer it gives the row; by a slice, indices int[k] or
    flags bool[n], another Ragged.
    """

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[np.ndarray | Sequence[Any]], dtype: Any, shape: tuple[int, ...] = ()) -> Ragged:
        """Join rows, each an array [length, *shape]; where none has a value, only `shape` says so."""
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        parts = [np.asarray(row, dtype) for row in rows if len(row)]
        return cls(np.concatenate(parts) if parts else np.zeros((0, *shape), dtype), offsets)

    @classmethod
    def of_texts(cls, texts: Sequence[str]) -> Ragged:
        """Return the texts as rows of UTF-8 bytes, uint8; half of a character, which has none, becomes "?"."""
        return cls.of([np.frombuffer(text.encode("utf-8", "replace"), np.uint8) for text in texts], np.uint8)

    def texts(self) -> list[str]:
        """Return rows of UTF-8 bytes as texts; broken bytes become U+FFFD."""
        first, last = int(self.offsets[0]), int(self.offsets[-1])
        raw = self.values[first:last].tobytes()  # once, and not row by row
        return [raw[start:end].decode("utf-8", "replace") for start, end in pairwise((self.offsets - first).tolist())]

    @property
    def lengths(self) -> np.ndarray:
        """Return the length of each row, int64[n]."""
        return np.diff(self.offsets)

    @property
    def nbytes(self) -> int:
        """Return the memory of values and offsets."""
        return int(self.values.nbytes + self.offsets.nbytes)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int | np.integer):
            index = range(len(self))[int(key)]
            return self.values[self.offsets[index] : self.offsets[index + 1]]
        starts = self.offsets[:-1][key]
        return self._gathered(starts, self.offsets[1:][key] - starts)

    def cut(self, most: int) -> Ragged:
        """Return the rows cut at `most` values each."""
        return self._gathered(self.offsets[:-1], np.minimum(self.lengths, most))

    def beyond(self, most: int) -> dict[int, tuple[int, int]]:
        """Return, of the rows that have more values, by index, `most` and how many they have."""
        lengths = self.lengths
        return {int(index): (most, int(lengths[index])) for index in np.flatnonzero(lengths > most)}

    def _gathered(self, starts: np.ndarray, lengths: np.ndarray) -> Ragged:
        """Return rows of these lengths that begin at these places of the values."""
        offsets = np.zeros(len(starts) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        places = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(self.values[places], offsets)

    def with_ends(self, first: Any = None, last: Any = None) -> Ragged:
        """Return the rows with one value more at the start, at the end, or both."""
        before, after = int(first is not None), int(last is not None)
        offsets = self.offsets - self.offsets[0] + np.arange(len(self) + 1) * (before + after)
        values = np.empty((int(offsets[-1]), *self.values.shape[1:]), self.values.dtype)
        is_own = np.ones(len(values), bool)
        if before:
            is_own[offsets[:-1]] = False
            values[offsets[:-1]] = first
        if after:
            is_own[offsets[1:] - 1] = False
            values[offsets[1:] - 1] = last
        values[is_own] = self.values[self.offsets[0] : self.offsets[-1]]
        return Ragged(values, offsets)

    @property
    def is_padded_with_ids(self) -> bool:
        """Say whether PAD tells where a padded row ends: in integers, but not in numbers or pictures."""
        return self.values.dtype.kind in "iub" and not self._holds_pictures

    @property
    def _holds_pictures(self) -> bool:
        return self.values.dtype == np.uint8 and self.values.ndim > 2

    def padded(self) -> np.ndarray:
        """Return the rows as one array [n, longest, ...]; unsigned values become int64.

        Short rows are filled up: integers with PAD, numbers and pictures with zeros, beside which only `lengths` say
        where a row ends. Pictures stay bytes, eight times as small.
        """
        lengths = self.lengths
        longest = int(lengths.max(initial=0))
        dtype = np.int64 if self.values.dtype.kind in "ub" and not self._holds_pictures else self.values.dtype
        full = np.full((len(self), longest, *self.values.shape[1:]), PAD if self.is_padded_with_ids else 0, dtype)
        full[np.arange(longest) < lengths[:, None]] = self.values[self.offsets[0] : self.offsets[-1]]
        return full


@dataclass(frozen=True)
class Windows:
    """A part of every record where records are pieces of one long row, each `step` + 1 places from i * step on.

    stream [total]; the part is `length` places from `start` on within the record; a `start` below zero reaches into the
    records before, PAD where there are none. Indexed by a slice, indices or flags it gives an array [k, length]. The
    last place of a record is the first of the next one: a question's last token is the answer's first.
    """

    stream: np.ndarray
    step: int
    start: int
    length: int
    count: int
    shift: int = 0

    @property
    def nbytes(self) -> int:
        """Return the memory of the stream."""
        return int(self.stream.nbytes)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, key: Any) -> np.ndarray:
        records = np.arange(self.count)[key] * self.step + self.shift
        records = np.minimum(records, len(self.stream) - self.step - 1)  # the last ones cannot all be moved on
        places = records[..., None] + self.start + np.arange(self.length)
        values = np.asarray(self.stream[np.maximum(places, 0)])
        return values if places.min(initial=0) >= 0 else np.where(places < 0, PAD, values.astype(np.int64))

    def moved(self, by: int) -> Windows:
        """Return the same part of records that begin so many places later, 0 to step - 1."""
        return replace(self, shift=by)


def concatenated(parts: Sequence[Any]) -> Any:
    """Join arrays [n, ...] or Ragged along the records."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Ragged):
        ends = np.cumsum([0, *(part.offsets[-1] - part.offsets[0] for part in parts)])
        offsets = [part.offsets[1:] - part.offsets[0] + end for part, end in zip(parts, ends, strict=False)]
        values = [part.values[part.offsets[0] : part.offsets[-1]] for part in parts]
        return Ragged(np.concatenate(values), np.concatenate([np.zeros(1, np.int64), *offsets]))
    return np.concatenate(parts)


def rows_of(arrays: Mapping[str, Any], rows: Any) -> Arrays:
    """Return some records of each array: by a slice, indices or flags; `slice(None)` brings all into memory."""
    return {name: values[rows] for name, values in arrays.items()}


def repeated(array: Any, count: int) -> Any:
    """Return the only record of an array [1, ...] or a Ragged, `count` times."""
    return array[np.zeros(count, np.int64)]
