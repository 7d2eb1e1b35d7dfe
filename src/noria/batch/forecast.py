"""How long a batch will take, and what it will cost: by the time that its first records take."""

from __future__ import annotations

import time
from collections.abc import Mapping

from noria.ledger import About, Prices
from noria.ledger.entry import COSTS, MICRO
from noria.ledger.till import name_of_run
from noria.pipeline.encoder import Piece
from noria.pipeline.predictor import Predictor
from noria.units import duration

FEW = 16  # records that are tried first: an answer may take seconds
FAST_SECONDS = 0.5  # for these, below which the whole piece is tried: it says more


class Forecast:
    """Sees the pieces of a job go by; answers the first records that can be answered, and forgets the answers."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._records_per_second: float | None = None

    def see(self, piece: Piece) -> None:
        """Take the next piece."""
        if self._records_per_second is not None:
            return
        spent = self._seconds(piece, dict.fromkeys(range(FEW, piece.count), ""))
        count = min(FEW, piece.count)
        if count < piece.count and spent < FAST_SECONDS:
            count, spent = piece.count, self._seconds(piece, {})
        self._records_per_second = count / max(spent, 1e-6)

    def _seconds(self, piece: Piece, but_for: Mapping[int, str]) -> float:
        began = time.monotonic()
        for _ in self._predictor.answers([piece.encode_but_for(but_for)]):
            pass
        return time.monotonic() - began

    def sentence(self, num_rows: int, workers: int) -> str:
        """Return what is to be expected, for a person."""
        seconds = num_rows / (self._records_per_second or 1.0)
        prices = Prices.load()
        entry = prices.entry(
            "forecast", 0.0, About(name_of_run(self._predictor.bundle.path)), {"machine_micros": round(seconds * MICRO)}
        )
        cost = -sum(one.micro for one in entry.postings if one.account == COSTS) / MICRO
        how = f"{workers} at a time" if workers > 1 else "one after the other"
        basis = "" if prices.basis != "assumed" else " by assumed prices"
        return f"forecast: {num_rows:,} rows {how}, {duration(seconds / workers)}, {cost:.2g} {prices.currency}{basis}"
