"""The words of the house: what travels from a raw record to a prediction.

    raw file -read-> Rows of Records -encode-> Encoded arrays -collate-> Batch -model-> Output -decode-> Prediction
                     human                     numpy                     tensors        tensors          human, JSON

Knows no task, no file format and (at import) no torch. Read next: contract.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

# One field's values, one per record: a list, an array whose first axis is the record, or, for a modality that takes
# several columns at once (a table), a dict of such columns.
Values: TypeAlias = "list[Any] | np.ndarray | Mapping[str, list[Any] | np.ndarray]"
# Encoded fields or settled outputs by name, each [n, ...] as np.ndarray, Ragged or Windows. Typed Any, as a union would
# make every reader prove which of the three it holds. An array whose name starts with an underscore is for people and
# metrics (a raw text): it never becomes a tensor.
Arrays: TypeAlias = dict[str, Any]
Output: TypeAlias = "dict[str, Tensor]"  # what a head gives; the first axis of each is the record
State: TypeAlias = dict[str, Any]  # what `fit` learnt from the training split; JSON-able


@dataclass(frozen=True)
class Record:
    """One thing as a person gave it: named raw values, and where it came from (`train.csv:17`)."""

    fields: Mapping[str, Any]
    where: str = ""


@dataclass(frozen=True)
class Bad:
    """A record that could not be used: where it stands and why. It is counted and quarantined, never dropped."""

    where: str
    reason: str


@dataclass(frozen=True)
class Rows:
    """A chunk of records as read, column by column.

    `columns` are of equal length. `numbers` are the records' row numbers in `origin` as an editor shows them, or
    their file names below it. `split` is the split the source itself puts them in: train, validation, test, or ""
    where it says nothing. `bad` are the records of this stretch that could not even be read.
    """

    columns: dict[str, list[Any] | np.ndarray]
    origin: str
    numbers: Sequence[int] | np.ndarray | Sequence[str]
    split: str = ""
    bad: list[Bad] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers)

    def where(self, index: int) -> str:
        """Return the place of one record, as `origin:number` or as its own file name."""
        number = self.numbers[index]
        return f"{self.origin}/{number}" if isinstance(number, str) else f"{self.origin}:{number}"

    def records(self) -> Iterator[Record]:
        """Yield the chunk record by record."""
        for i in range(len(self)):
            yield Record({name: values[i] for name, values in self.columns.items()}, self.where(i))


PAD = -1  # what fills short rows: in token ids, boxes, tags


@dataclass(frozen=True)
class Ragged:
    """Rows of unequal length in one array: row i is values[offsets[i] : offsets[i + 1]].

    values [total, ...], offsets int64[n + 1]. Indexed by an integer it gives the row; by a slice, indices int[k] or
    flags bool[n], another Ragged.
    """

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[np.ndarray | Sequence[Any]], dtype: Any) -> Ragged:
        """Join rows, each an array [length, ...]."""
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        parts = [np.asarray(row, dtype) for row in rows if len(row)]
        return cls(np.concatenate(parts) if parts else np.zeros(0, dtype), offsets)

    @classmethod
    def of_texts(cls, texts: Sequence[str]) -> Ragged:
        """Return the texts as rows of UTF-8 bytes, uint8."""
        return cls.of([np.frombuffer(text.encode(), np.uint8) for text in texts], np.uint8)

    def texts(self) -> list[str]:
        """Return rows of UTF-8 bytes as texts; broken bytes become U+FFFD."""
        return [self[i].tobytes().decode("utf-8", "replace") for i in range(len(self))]

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
        rows = np.arange(len(self))[key]
        lengths = self.lengths[rows]
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        places = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(self.values[places], offsets)

    def cut(self, most: int) -> Ragged:
        """Return the rows cut at `most` values each."""
        lengths = np.minimum(self.lengths, most)
        offsets = np.zeros(len(self) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        places = np.repeat(self.offsets[:-1] - offsets[:-1], lengths) + np.arange(offsets[-1])
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

    def padded(self, fill: float = PAD) -> np.ndarray:
        """Return the rows as one array [n, longest, ...], short ones filled up; unsigned values become int64.

        Rows of pictures stay bytes, eight times as small, and are filled up with zeros.
        """
        lengths = self.lengths
        longest = int(lengths.max(initial=0))
        dtype = np.int64 if self.values.dtype.kind in "ub" else self.values.dtype
        if self.values.dtype == np.uint8 and self.values.ndim > 2:
            dtype, fill = self.values.dtype, 0
        full = np.full((len(self), longest, *self.values.shape[1:]), fill, dtype)
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


def repeated(array: Any, count: int) -> Any:
    """Return the only record of an array [1, ...] or a Ragged, `count` times."""
    return array[np.zeros(count, np.int64)]


@dataclass(frozen=True)
class Encoded:
    """Arrays [n, ...] of n values, and why some of them could not be encoded (by index; their rows are zero)."""

    arrays: Arrays
    bad: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Encoded records on a device: `inputs[field][array]` and `target[array]`, each tensor [B, ...].

    `target` is empty when there is no answer to compare with (prediction).
    """

    inputs: dict[str, dict[str, Tensor]]
    target: dict[str, Tensor]
    size: int


class Tokens(NamedTuple):
    """What an embedder gives the trunk.

    features  float[B, T, D]
    is_real   bool[B, T], False where padded; None when every token is real
    positions int[B, T]; None means 0..T-1
    segments  int[B, T], which input each token comes from, where several were joined
    grids     (rows, columns) of the maps that the tokens lie in, one after another, row by row, fine to coarse; None
              where they lie in none, or several inputs were joined
    """

    features: Tensor
    is_real: Tensor | None = None
    positions: Tensor | None = None
    segments: Tensor | None = None
    grids: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True)
class Prediction:
    """An answer a person can read. `confidence` is a probability in [0, 1], or None where the target has none.

    `details` is JSON-able: the other classes and their probabilities, an interval, ...
    """

    value: Any
    confidence: float | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the prediction as the JSON object that predict, serve and batch all write."""
        return {"value": self.value, "confidence": self.confidence, **self.details}


class Piece(NamedTuple):
    """New text of an answer that is given as it is written.

    The last piece, whose text may be empty, has `ended`, why it is the last (end, stop or length), and `logprobs`, the
    natural logarithms of the probabilities of all tokens of the answer. row: which record of the batch it belongs to.
    """

    text: str
    ended: str | None = None
    logprobs: tuple[float, ...] = ()
    row: int = 0


@dataclass(frozen=True)
class Span:
    """The part of a raw value that one token stands for: `unit` says what `start` and `end` count.

    unit is one of characters, pixels, seconds, frames, column, atom. For pixels start and end are (top, left) and
    (bottom, right). name says which column, point of a skeleton, frame or part of a picture it is.
    """

    unit: str
    start: Any
    end: Any
    name: str = ""


@dataclass(frozen=True)
class Panel:
    """One thing the report shows beside the scores. `kind` says how `data` (JSON-able) is drawn:

    table   {"columns": [..], "rows": [[..], ..]}
    matrix  {"rows": [..], "columns": [..], "values": [[count, ..], ..]}, rows are the truth
    curve   {"x": name, "y": name, "lines": {name: [[x, y], ..]}, "points": {..}, "diagonal": bool}; lines or points
    bars    {"names": [..], "values": [..], "unit": ".."}
    """

    kind: str
    title: str
    data: dict[str, Any]
    note: str = ""
