"""What is read and what is answered: records, rows, predictions, panels of the report."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypeAlias

import numpy as np

State: TypeAlias = dict[str, Any]  # what `fit` learnt from the training split; JSON-able


@dataclass(frozen=True)
class Record:
    """One thing as a person gave it: named raw values, and where it came from (`train.csv:17`)."""

    fields: Mapping[str, Any]
    where: str = ""


@dataclass(frozen=True)
class Rejected:
    """A record that could not be used: where it stands and why. It is counted and quarantined, never dropped.

    before: how many usable records of the same chunk stand before it, so that both can be told in one order. index:
    which record of the chunk as read it is; None for one that could not even be read.
    """

    where: str
    reason: str
    before: int = field(default=0, compare=False)
    index: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Rows:
    """A chunk of records as read, column by column.

    `columns` are of equal length. `numbers` are the records' row numbers in `origin` as an editor shows them, or
    their file names below it. `split` is the split the source itself puts them in: train, validation, test, or ""
    where it says nothing. `bad` are the records of this stretch that could not even be read.
    """

    columns: Mapping[str, Sequence[Any] | np.ndarray]
    origin: str
    numbers: Sequence[int] | np.ndarray | Sequence[str]
    split: str = ""
    bad: list[Rejected] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers)

    def where(self, index: int) -> str:
        """Return the place of one record, as `origin:number` or as its own file name."""
        number = self.numbers[index]
        return f"{self.origin}/{number}" if isinstance(number, str) else f"{self.origin}:{number}"

    def records(self) -> Iterator[Record]:
        """Yield the chunk record by record."""
        columns = {
            name: values if isinstance(values, list | np.ndarray) else list(values)
            for name, values in self.columns.items()
        }
        for i in range(len(self)):
            yield Record({name: values[i] for name, values in columns.items()}, self.where(i))

    def without(self, reasons: Mapping[int, str]) -> Rows:
        """Return the rows but for some, which are then `bad`. Places count all records from 0, `bad` ones too."""
        places = self._places()
        kept = [index for place, index in enumerate(places) if isinstance(index, int) and place not in reasons]
        bad, before = [], 0
        for place, index in enumerate(places):
            if isinstance(index, Rejected):
                bad.append(Rejected(index.where, index.reason, before))
            elif place in reasons:
                bad.append(Rejected(self.where(index), reasons[place], before))
            else:
                before += 1
        columns = {
            name: values[kept] if isinstance(values, np.ndarray) else [values[index] for index in kept]
            for name, values in self.columns.items()
        }
        numbers: Any = [self.numbers[index] for index in kept]
        return Rows(columns, self.origin, numbers, self.split, bad)

    def _places(self) -> list[int | Rejected]:
        """Return the indices of the records, and between them those that could not be read, in one order."""
        found: list[int | Rejected] = []
        bad = sorted(self.bad, key=lambda one: one.before)
        for index in range(len(self) + 1):
            while bad and (bad[0].before <= index or index == len(self)):
                found.append(bad.pop(0))
            found += [index] if index < len(self) else []
        return found

    def flawed(self, reasons: Mapping[int, str], made: Sequence[int] | None = None) -> list[Rejected]:
        """Return `bad` and the records that cannot be used either, by index and reason, in the order of the records.

        made: how many usable records each one becomes; by default one, and none of those that have a reason.
        """
        return in_order([self.where(i) for i in range(len(self))], self.bad, reasons, made)


def in_order(
    wheres: Sequence[str], unread: Sequence[Rejected], reasons: Mapping[int, str], made: Sequence[int] | None = None
) -> list[Rejected]:
    """Return records that were not read and read ones that cannot be used, in the order in which they stand."""
    counts = [index not in reasons for index in range(len(wheres))] if made is None else made
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    found = [(min(one.before, len(wheres)), 0, one.where, one.reason) for one in unread]
    found += [(index, 1, wheres[index], reason) for index, reason in reasons.items()]
    found.sort(key=lambda one: one[:2])
    return [
        Rejected(where, reason, int(starts[place]), place if is_read else None)
        for place, is_read, where, reason in found
    ]


SUFFIXES = {"audio/wav": ".wav", "audio/mpeg": ".mp3", "image/png": ".png", "image/jpeg": ".jpg", "video/mp4": ".mp4"}

# Of the details of an answer whose worth is known: what it is expected to be, and whether none was given.
EXPECTED, ABSTAINED = "expected_value", "abstained"


@dataclass(frozen=True)
class Media:
    """An answer that is a file: a sound, a picture. `mime` says of which kind (audio/wav)."""

    mime: str
    data: bytes

    @property
    def suffix(self) -> str:
        """Return the usual ending of a file of this kind; .bin for one that is not known here."""
        return SUFFIXES.get(self.mime, ".bin")

    def as_json(self) -> dict[str, str]:
        """Return the file as JSON: its kind and its bytes in base64."""
        return {"mime": self.mime, "base64": base64.b64encode(self.data).decode("ascii")}


@dataclass(frozen=True)
class Prediction:
    """An answer a person can read. `confidence` is a probability in [0, 1], or None where the target has none.

    `details` is JSON-able: the other classes and their probabilities, an interval, ... `media` is the answer itself
    where it is a sound or a picture; `value` then says in words or numbers what it is. `reason` says of a record that
    cannot be used why there is no answer: `value` is then None.
    """

    value: Any
    confidence: float | None = None
    details: dict[str, Any] = field(default_factory=dict)
    media: Media | None = None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the prediction as the JSON object that predict, serve and batch all write."""
        if self.reason:
            return {"error": self.reason}
        media = {} if self.media is None else {"media": self.media.as_json()}
        return {"value": self.value, "confidence": self.confidence, **self.details, **media}


@dataclass(frozen=True)
class Cost:
    """What a raw value comes to when it is decoded, however small the file is that it is packed into.

    pixels are those of pictures; of a video all frames are decoded: `frames` and `frame_pixels`, of all of them.
    """

    characters: int = 0
    pixels: int = 0
    frames: int = 0
    frame_pixels: int = 0
    seconds: float = 0.0
    samples: int = 0

    @staticmethod
    def of_texts(value: Any) -> Cost:
        """Return what all texts within a value come to."""
        if isinstance(value, str):
            return Cost(characters=len(value))
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
        return Cost(characters=sum(Cost.of_texts(one).characters for one in inner))

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Cost)))


class Chunk(NamedTuple):
    """New content of an answer that is given as it is written: text, or bytes of a sound.

    The last piece, whose content may be empty, has `ended`, why it is the last (end, stop or length), and `logprobs`,
    the natural logarithms of the probabilities of all tokens of the answer; `tokens` are their texts, which joined are
    the answer (of a character of several tokens the last one has it). row: which record of the batch it is of. note:
    what a person should know of the whole answer, said with its last piece.
    """

    content: str | bytes
    ended: str | None = None
    logprobs: tuple[float, ...] = ()
    row: int = 0
    tokens: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Turn:
    """What somebody said to an open microphone: samples float32[T].

    has_paused: whether a pause ended it. Else it was ended because it went on and on.
    """

    samples: np.ndarray
    has_paused: bool


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
    picture {"svg": a drawing}
    """

    kind: str
    title: str
    data: dict[str, Any]
    note: str = ""
