"""How long a batch will take, and what it will cost: by the time that submitting it takes, and its first records.

A worker starts, loads the model and reads all inputs, whatever share of them it answers; the answers are shared out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

from noria.ledger import About, Prices
from noria.ledger.entry import COSTS, MICRO
from noria.ledger.till import name_of_run
from noria.pipeline.encoder import Piece
from noria.pipeline.predictor import Predictor
from noria.units import count_of, duration

FEW = 16  # records that are tried first: an answer may take seconds
FAST_SECONDS = 0.5  # for these, below which the whole piece is tried: it says more
STARTING_SECONDS = 2.0  # at least, of which a core is busy until a process has imported torch; measured on an AMD EPYC


class Forecast:
    """Sees the pieces of a job go by; answers the first records that can be answered, and forgets the answers.

    starting_seconds: what starting and loading the model took here.
    """

    def __init__(self, predictor: Predictor, workers: int = 1, starting_seconds: float = 0.0) -> None:
        self._predictor, self._workers = predictor, workers
        self._starting_seconds = max(STARTING_SECONDS, starting_seconds)
        self._reading_seconds = 0.0
        self._seconds_per_record: float | None = None
        self._num_rows = 0

    def watched(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """Yield the pieces, all of a job, and see what they take."""
        began = time.monotonic()
        for piece in pieces:
            self._reading_seconds += time.monotonic() - began
            self._num_rows += piece.count
            self.see(piece)
            yield piece
            began = time.monotonic()
        self._reading_seconds += time.monotonic() - began

    def see(self, piece: Piece) -> None:
        """Take the next piece."""
        if self._seconds_per_record is not None or not piece.count:
            return
        spent = self._seconds(piece, dict.fromkeys(range(FEW, piece.count), ""))
        count = min(FEW, piece.count)
        if count < piece.count and spent < FAST_SECONDS:
            count, spent = piece.count, self._seconds(piece, {})
        self._seconds_per_record = spent / count

    def _seconds(self, piece: Piece, but_for: Mapping[int, str]) -> float:
        began = time.monotonic()
        for _ in self._predictor.answers([piece.encode_but_for(but_for)]):
            pass
        return time.monotonic() - began

    @property
    def seconds(self) -> float:
        """Return how long the batch takes from its start to its last answer, as the ledger will book it."""
        answering = self._num_rows * (self._seconds_per_record or 0.0)
        return self._starting_seconds + self._reading_seconds + answering / self._workers

    def __str__(self) -> str:
        prices = Prices.load()
        about = About(name_of_run(self._predictor.bundle.path))
        entry = prices.entry("forecast", 0.0, about, {"machine_micros": round(self.seconds * MICRO)})
        cost = -sum(one.micro for one in entry.postings if one.account == COSTS) / MICRO
        basis = "" if prices.basis != "assumed" else " by assumed prices"
        parts = f"{duration(self._starting_seconds)} to start and load, {duration(self._reading_seconds)} to read"
        who = count_of(self._workers, "worker")
        return (
            f"forecast: {count_of(self._num_rows, 'row')} by {who}, {duration(self.seconds)} with {parts}, "
            f"{cost:.2g} {prices.currency}{basis}"
        )
