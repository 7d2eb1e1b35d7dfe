"""The inputs of a job as shards, for a worker that goes forward through them: what it skips is not encoded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from noria.batch.job import Asked
from noria.errors import UserError
from noria.pipeline.encoder import Piece
from noria.pipeline.given import path_of
from noria.pipeline.predictor import Predictor
from noria.stages.predict import pieces

TEXT = "a text"
CHECKING = 0.05  # of the time, at most, for looking whether an input has changed: a million files take long
RESUME = (
    "put back what was there, with the time of its last change (cp -p), and run noria batch resume; or cancel it and "
    "submit it anew"
)
ANEW = "noria batch cancel, and submit it anew: what was answered last may be of what the input is by now"


def stamps(predictor: Predictor, inputs: Sequence[str]) -> list[str]:
    """Return a cheap identity of each input, another one once it has changed."""
    paths = [path_of(predictor.bundle, one) for one in inputs]
    return [TEXT if path is None else predictor.stamp(path) for path in paths]


def every_piece(
    predictor: Predictor, inputs: Sequence[str], tell: Callable[[str], None] = lambda _: None
) -> Iterator[Piece]:
    """Yield the records of all inputs, piece by piece: the n-th is shard n."""
    for number, given in enumerate(inputs, 1):
        yield from pieces(predictor, given, number, tell)


class Reader:
    """Gives the pieces of a job by their numbers; in ascending order each input is read once."""

    def __init__(self, predictor: Predictor, asked: Asked) -> None:
        self._predictor, self._asked = predictor, asked
        self._next = 0
        self._pieces: Iterator[Piece] = iter(())
        self._check_due = 0.0
        self._begin()

    def piece(self, n: int, count: int, told: Callable[[], None] = lambda: None) -> Piece:
        """Return piece n, of `count` records; raise UserError where the input is not what it was.

        told: called at each piece, those that are skipped too.
        """
        if n < self._next:
            self._begin()
        for number, piece in enumerate(self._pieces, self._next):
            self._next = number + 1
            told()
            if number == n and piece.count == count:
                return piece
            if number == n:
                break
        self.check()
        raise UserError(
            "the input has changed since the batch was submitted", where=", ".join(self._asked.inputs), fix=ANEW
        )

    def check_now_and_then(self) -> None:
        """Check, unless the last time was a moment ago and took long."""
        if time.monotonic() >= self._check_due:
            self.check()

    def check(self, fix: str = ANEW) -> None:
        """Raise UserError where an input has changed, or is gone, since the batch was submitted."""
        began = time.monotonic()
        for given, then, now in zip(self._asked.inputs, self._asked.stamps, self._stamps(), strict=True):
            if then != now:
                raise UserError("the input has changed since the batch was submitted", where=given, fix=fix)
        self._check_due = time.monotonic() + (time.monotonic() - began) / CHECKING

    def _stamps(self) -> list[str]:
        for one in self._asked.inputs:
            path = path_of(self._predictor.bundle, one)
            if path is not None and not Path(path).exists():
                fix = "put it back and run noria batch resume, or noria batch cancel"
                raise UserError("the input is gone since the batch was submitted", where=one, fix=fix)
        return stamps(self._predictor, self._asked.inputs)

    def _begin(self) -> None:
        self.check(RESUME)
        self._pieces, self._next = every_piece(self._predictor, self._asked.inputs), 0
