"""The words of the house: what travels from a raw record to a prediction.

    raw file -read-> Rows of Records -encode-> Encoded arrays -collate-> Batch -model-> Output -decode-> Prediction
                     human                     numpy                     tensors        tensors          human, JSON

Knows no task, no file format and (at import) no torch. Read next: contract.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

# One field's values, one per record: a list, an array whose first axis is the record, or, for a modality that takes
# several columns at once (a table), a dict of such columns.
Values: TypeAlias = "list[Any] | np.ndarray | Mapping[str, list[Any] | np.ndarray]"
Arrays: TypeAlias = dict[str, np.ndarray]  # encoded fields or outputs; the first axis of each is the record
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
    """

    features: Tensor
    is_real: Tensor | None = None
    positions: Tensor | None = None


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


@dataclass(frozen=True)
class Span:
    """The part of a raw value that one token stands for: `unit` says what `start` and `end` count.

    unit is one of characters, pixels, seconds, column, atom. For pixels start and end are (top, left), (bottom, right).
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
