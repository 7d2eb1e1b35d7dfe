"""What the answers of a batch cost: an entry of the ledger for each line that a model has answered, by the id of it.

Where answers are worth something they are kept for feedback, as those that are served are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import replace

from noria.ledger import About, Entry, Prices
from noria.ledger.answers import Chunk, Valuing
from noria.ledger.collecting import book_all
from noria.ledger.entry import MICRO
from noria.ledger.spool import Spooled, is_on
from noria.service.batches.answer import Answer, name_of
from noria.service.batches.batches import Batch, Book


class Bookkeeper:
    """Makes the entries of one batch. Raises UserError where the prices cannot be read.

    threads: of a model's process.
    """

    def __init__(self, batch: Batch, threads: int) -> None:
        self._batch, self._machine_share = batch, threads / (os.cpu_count() or 1)
        self._prices = Prices.load() if is_on() else None
        self._carried: dict[str, float] = {}  # what rounding has left
        self._versions: set[str] = set()  # of which it was said what their answers were worth
        self._first: list[Spooled] = []  # what is said so with the next answers

    def prepared(self, answers: Iterable[Answer]) -> Book:
        """Return what books those of the answers whose lines are new, each that a model has given."""
        if self._prices is None:
            return lambda *_: None
        lines = {one.number: self._lines(self._prices, one) for one in answers if one.measured.records}
        first, self._first = self._first, []
        return lambda to, numbers: book_all(to, [*first, *(line for one in numbers for line in lines.get(one, ()))])

    def _lines(self, prices: Prices, answer: Answer) -> list[Spooled]:
        """Return the entry of an answer, and what is kept of it."""
        entry = self._entry(prices, answer)
        if answer.kept is None:
            return [entry]
        if answer.version not in self._versions:
            self._versions.add(answer.version)
            self._first.append(Valuing(answer.version, answer.kept.valuing))
        valued = replace(answer.kept.valued, currency=answer.kept.valued.currency or prices.currency)
        return [entry, Chunk(answer.kept.source, 0, entry.time, entry.about, valued)]

    def _entry(self, prices: Prices, answer: Answer) -> Entry:
        measured, (num_read, num_written) = answer.measured, answer.tokens
        about = About(self._batch.model, answer.version, self._batch.id, self._batch.owner, "batch")
        quantities = {
            "requests": 1,
            "predictions": 0 if answer.is_error else measured.records,
            "tokens_read": num_read if measured.ended else 0,
            "tokens_written": num_written if measured.ended else 0,
            "model_micros": round(measured.own_seconds * MICRO),
            "machine_micros": round(measured.own_seconds * MICRO * self._machine_share),
        }
        kept = {name: value for name, value in quantities.items() if value}
        return prices.entry(name_of(self._batch.id, answer.number), time.time(), about, kept, self._carried)
