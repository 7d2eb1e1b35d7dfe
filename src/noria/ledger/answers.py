"""The answers that feedback may come for, as compressed chunks: only of models whose job says what answers are worth.

An answer's id is SOURCE/INDEX: a batch and the row in it, a request and the record in it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from noria.database import Transaction
from noria.database.connection import Cell
from noria.ledger.entry import EXPECTED, VALUES, About, Entry, Posting, values_of


@dataclass(frozen=True)
class Chunk:
    """Answers to records that stand one after another, `first` the index of the first; what they may be worth."""

    source: str
    first: int
    time: float
    about: About
    currency: str
    answers: Sequence[Any]
    expected_micro: int = 0

    def entry(self) -> Entry:
        """Return the entry of what they are expected to be worth."""
        key = f"expected/{self.source}/{self.first}"
        postings = (Posting(EXPECTED, self.expected_micro), Posting(VALUES, -self.expected_micro))
        return Entry(key, self.time, self.about, {"valued": len(self.answers)}, postings, self.currency, "stated")


def keep(transaction: Transaction, chunk: Chunk) -> None:
    """Keep answers until their truth is known; twice is as once. Book `chunk.entry()` in the same transaction."""
    data = zlib.compress(json.dumps(list(chunk.answers)).encode())
    cells: tuple[Cell, ...] = (
        chunk.source,
        chunk.first,
        len(chunk.answers),
        chunk.time,
        *values_of(chunk.about),
        chunk.currency,
        data,
    )
    marks = ", ".join("?" * len(cells))
    transaction.run(f"insert into answers values ({marks}) on conflict (source, first) do nothing", *cells)


def find(transaction: Transaction, answer_id: str) -> tuple[Any, About, str] | None:
    """Return an answer by its id, what it is about and the currency of its worth; None where none is kept."""
    source, _, index = answer_id.rpartition("/")
    if not source or not index.isascii() or not index.isdecimal() or len(index) > 18:
        return None
    query = (
        "select first, count, currency, data, model, version, job, client, activity from answers"
        " where source = ? and first <= ? order by first desc limit 1"
    )
    for first, count, currency, data, *about in transaction.run(query, source, int(index)):
        if int(index) < first + count:
            return json.loads(zlib.decompress(data))[int(index) - first], About(*about), currency
    return None
