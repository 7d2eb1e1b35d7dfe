"""The answers that feedback may come for, as compressed chunks: only of models whose job says what answers are worth.

An answer's id is SOURCE/INDEX: a batch and the row in it, from 1; a request and the record in it, from 0. The same id
may be given by two clients, and by one to two models. With the answers stands what is needed to say what they were
worth, by the model's version: it outlives the model. Read next: feedback.py.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from noria.database import Transaction
from noria.database.connection import Cell
from noria.errors import UserError
from noria.ledger.booking import range_of
from noria.ledger.entry import DIMENSIONS, EXPECTED, MOST, VALUES, About, Entry, Posting, make_plain, plain, values_of

DAYS, USUAL_DAYS = "NORIA_FEEDBACK_DAYS", 90.0
DAY_S = 86_400
MOST_ALIKE = 16  # chunks that one id is looked for in
_COLUMNS = f"source, first, count, time, {', '.join(DIMENSIONS)}, currency, data"


@dataclass(frozen=True)
class Valued:
    """Answers to records that stand one after another, each in a list of its own, as one may be None: no answer.

    None in its place stands for a record that could not be used. expected_micro: what they may be worth, together.
    """

    currency: str
    answers: Sequence[list[Any] | None]
    expected_micro: int


@dataclass(frozen=True)
class Chunk:
    """Answers as they are kept. first: the index of the first. Raises ValueError for what no table can hold."""

    source: str
    first: int
    time: float
    about: About
    valued: Valued

    def __post_init__(self) -> None:
        make_plain(self, ["source"])
        if not 0 <= self.first <= MOST:
            raise ValueError(f"the answers of {self.source!r} begin at {self.first}")
        self.entry()

    def entry(self) -> Entry:
        """Return the entry of what they are expected to be worth."""
        key = f"expected/{name_of(self.about, f'{self.source}/{self.first}')}"
        micro = self.valued.expected_micro
        count = sum(one is not None for one in self.valued.answers)
        postings = (Posting(EXPECTED, micro), Posting(VALUES, -micro))
        return Entry(key, self.time, self.about, {"valued": count}, postings, self.valued.currency, "stated")

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**vars(self), "about": vars(self.about), "valued": vars(self.valued)}

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> Chunk:
        """Return the chunk of JSON; raise ValueError, TypeError or KeyError where it is none."""
        about, valued = About(**content["about"]), Valued(**content["valued"])
        return cls(str(content["source"]), int(content["first"]), float(content["time"]), about, valued)


@dataclass(frozen=True)
class Valuing:
    """What says what answers of a version of a model were worth, as text that the ledger does not read."""

    version: str
    text: str

    def __post_init__(self) -> None:
        make_plain(self, ["version", "text"])


@dataclass(frozen=True)
class Found:
    """An answer that is kept."""

    answer: Any
    about: About
    currency: str


def keep(transaction: Transaction, chunk: Chunk) -> bool:
    """Keep answers until their truth is known; twice is as once. Book `chunk.entry()` in the same transaction.

    Returns whether they stand there: False where others of the same id do, of the same client and model.
    """
    data = zlib.compress(json.dumps(list(chunk.valued.answers)).encode())
    head: tuple[Cell, ...] = (chunk.source, chunk.first, len(chunk.valued.answers), chunk.time)
    cells = (*head, *values_of(chunk.about), chunk.valued.currency, data)
    marks = ", ".join("?" * len(cells))
    if transaction.run(
        f"insert into answers ({_COLUMNS}) values ({marks}) on conflict do nothing returning first", *cells
    ):
        return True
    key = (chunk.source, chunk.first, chunk.about.client, chunk.about.model)
    query = "select data from answers where source = ? and first = ? and client = ? and model = ?"
    ((before,),) = transaction.run(query, *key)
    return bytes(before) == data


def know(transaction: Transaction, valuing: Valuing) -> None:
    """Keep what says what answers of a version were worth; twice is as once."""
    data = zlib.compress(valuing.text.encode())
    transaction.run("insert into valuing values (?, ?) on conflict (version) do nothing", valuing.version, data)


def valuing_of(transaction: Transaction, version: str) -> str | None:
    """Return what says what answers of a version were worth."""
    rows = transaction.run("select data from valuing where version = ?", version)
    return zlib.decompress(bytes(rows[0][0])).decode() if rows else None


def days_kept() -> float:
    """Return for how many days answers are kept; raise UserError where NORIA_FEEDBACK_DAYS is no number."""
    given = os.environ.get(DAYS, "") or USUAL_DAYS
    try:
        days = float(given)
    except ValueError:
        days = -1.0
    if not 0 <= days < 1e6:
        raise UserError("answers are kept for a number of days", where=DAYS, found=str(given), expected="0 or more")
    return days


def forget_old(transaction: Transaction) -> int:
    """Let go of answers that are older, by the clock of the database, than feedback is waited for; return how many."""
    before = transaction.now() - days_kept() * DAY_S
    return len(transaction.run("delete from answers where time < ? returning first", before))


@dataclass
class Finder:
    """Finds answers by their ids. client, model: of these alone; None of whichever. It holds what it has unpacked."""

    transaction: Transaction
    client: str | None = None
    model: str | None = None
    _unpacked: dict[tuple[Any, ...], list[Any]] = field(default_factory=dict)

    def find(self, answer_id: str) -> list[Found]:
        """Return the answers of an id: several where neither client nor model tells them apart."""
        source, _, index = plain(answer_id).rpartition("/")
        if not source or not index.isascii() or not index.isdecimal() or len(index) > 18:
            return []
        place = int(index)
        rows = [one for one in self._chunks(source, place) if place < one[0] + one[1]]
        found = [(self._answers(source, first, about)[place - first], about, cur) for first, _, cur, about in rows]
        return [Found(one[0], about, currency) for one, about, currency in found if one is not None]

    def models_once(self, answer_id: str) -> list[str]:
        """Return the models that gave answers of this id which are kept no more; none where they are, or never were."""
        source = plain(answer_id).rpartition("/")[0]
        if not source or self.transaction.run("select 1 from answers where source = ? limit 1", source):
            return []
        conditions, values = self._whose()
        query = f"select distinct model from entry where key > ? and key < ?{conditions} limit {MOST_ALIKE}"
        rows = self.transaction.run(query, *range_of(f"expected/{source}/"), *values)
        return [model for (model,) in rows]

    def _whose(self) -> tuple[str, list[str]]:
        named = {"client": self.client, "model": self.model}
        given = {name: plain(value) for name, value in named.items() if value is not None}
        return "".join(f" and {name} = ?" for name in given), list(given.values())

    def _chunks(self, source: str, place: int) -> list[tuple[int, int, str, About]]:
        conditions, values = self._whose()
        query = (
            f"select first, count, currency, {', '.join(DIMENSIONS)} from answers"
            f" where source = ? and first <= ?{conditions} order by first desc, client, model limit {MOST_ALIKE}"
        )
        rows = self.transaction.run(query, source, place, *values)
        return [(first, count, currency, About(*about)) for first, count, currency, *about in rows]

    def _answers(self, source: str, first: int, about: About) -> list[Any]:
        key = (source, first, about.client, about.model)
        if key not in self._unpacked:
            query = "select data from answers where source = ? and first = ? and client = ? and model = ?"
            ((data,),) = self.transaction.run(query, *key)
            self._unpacked[key] = json.loads(zlib.decompress(bytes(data)))
        return self._unpacked[key]


def name_of(about: About, answer_id: str) -> str:
    """Return what an answer is called in the ledger: the same id of another client, or model, is another."""
    return f"{plain(answer_id)}/{about.model}/{about.client}"
