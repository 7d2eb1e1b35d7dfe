"""What the answers of a batch cost: an entry of the ledger for each line that a model has answered, by the id of it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from noria.ledger import About, Entry, Prices
from noria.ledger.entry import MICRO
from noria.ledger.spool import is_on
from noria.service.batches.answer import Answer, name_of
from noria.service.batches.batches import Batch


class Bookkeeper:
    """Makes the entries of one batch. Raises UserError where the prices cannot be read.

    threads: of a model's process.
    """

    def __init__(self, batch: Batch, threads: int) -> None:
        self._batch, self._machine_share = batch, threads / (os.cpu_count() or 1)
        self._prices = Prices.load() if is_on() else None
        self._carried: dict[str, float] = {}  # what rounding has left

    def entries(self, answers: Iterable[Answer]) -> dict[int, Entry]:
        """Return the entry of each line that a model has answered."""
        if self._prices is None:
            return {}
        return {one.number: self._entry(self._prices, one) for one in answers if one.measured.records}

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
