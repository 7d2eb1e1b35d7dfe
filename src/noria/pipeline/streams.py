"""Answers of one model that are being written side by side, none of which holds a place for ever.

    begin -> a number      step -> pieces of all, one token more of each      drop: nobody listens any more

Knows no target: what writes is the target's own, or each answer's pieces by turns. Read next: turns.py,
model/generation/continuous.py.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from noria.contract import streaming
from noria.contract.capabilities import Writer
from noria.errors import UserError
from noria.pipeline.encoder import EncodedChunk
from noria.pipeline.out_of_memory import is_out_of_memory
from noria.pipeline.predictor import Predictor
from noria.pipeline.turns import Turns
from noria.types import Chunk

MOST_SECONDS = 600.0  # half as long again as the longest answer that the server allows takes one core


class Full(Exception):
    """As many answers are being written as may be: ask again when one has ended."""


@dataclass
class _Place:
    """When an answer was begun, and whether any of it has been written."""

    begun_s: float
    is_written: bool = False


class Streams:
    """Answers of one predictor that are being written side by side.

    >>> streams = Streams(noria.load("runs/chat"), most=16)
    >>> number = streams.begin(chunk, 0, {"temperature": 0.8})
    >>> while len(streams):
    ...     for number, piece in streams.step():
    ...         print(number, piece.content)

    most: how many. seconds: from the beginning of an answer to its end; what is written by then is the answer, whose
    `ended` is `length`. One of which not a single token is written by then breaks. Both are looked at between steps: a
    step that never ends is for whoever watches the process. Not for several threads at once.
    """

    def __init__(
        self,
        predictor: Predictor,
        most: int,
        seconds: float = MOST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.errors: dict[int, Exception] = {}  # what broke answers in the last step, by number
        self._predictor, self._most, self._seconds, self._clock = predictor, most, seconds, clock
        self._writer = _writer(predictor)
        self._numbers = itertools.count()
        self._places: dict[int, _Place] = {}

    def __len__(self) -> int:
        """Return how many answers are being written."""
        return len(self._places)

    def begin(self, chunk: EncodedChunk, index: int, settings: Mapping[str, Any]) -> int:
        """Take up one encoded record; return its number.

        Raises UserError for a setting that cannot be used, and Full.
        """
        if len(self) >= self._most:
            raise Full(f"{self._most} answers are being written")
        number = next(self._numbers)
        self._writer.begin(number, chunk.records.batch(np.array([index]), self._predictor.device), settings)
        self._places[number] = _Place(self._clock())
        return number

    def step(self) -> list[tuple[int, Chunk]]:
        """Write one token more of each, or one piece of one where each is written for itself; return new pieces.

        An answer whose piece has `ended` is over. One that breaks ends with a piece whose `ended` is `error`.
        """
        self.errors = {}
        now = self._clock()
        late = [number for number, place in self._places.items() if now - place.begun_s >= self._seconds]
        said = [(number, self._cut_off(number)) for number in late] + self._writer.step()
        pieces = [(number, self._counted(number, piece)) for number, piece in said]
        return [(number, piece) for number, piece in pieces if piece.content or piece.ended]

    def drop(self, number: int) -> None:
        """Write no more of an answer; one that is over already may be dropped too."""
        if self._places.pop(number, None):
            self._writer.end(number)

    def _cut_off(self, number: int) -> Chunk | Exception:
        """Return the end of an answer whose time is over."""
        piece = self._writer.end(number)
        if self._places[number].is_written:
            return piece
        return UserError(
            "nothing of the answer was written in time",
            expected=f"a first token within {self._seconds:g} s",
            fix="ask again later, or with a shorter input",
        )

    def _counted(self, number: int, piece: Chunk | Exception) -> Chunk:
        """Return a piece, or the one that stands for what broke an answer; free the place of one that is over."""
        if isinstance(piece, Exception):
            self.errors[number] = _told(piece)
            piece = Chunk("", "error")
        self._places[number].is_written = True
        if piece.ended:
            del self._places[number]
        return piece


def _writer(predictor: Predictor) -> Writer:
    """Return what writes the answers of a model."""
    target, model, state = predictor.task.target, predictor.bundle.model.eval(), predictor.states["target"]
    own = streaming.writer(target, model, state)
    return own or Turns(lambda batch, settings: streaming.stream(target, model, batch, state, settings))


def _told(error: Exception) -> Exception:
    """Return an error; one of memory that cannot be had, as what helps."""
    if not is_out_of_memory(error):
        return error
    told = UserError("the memory is not enough for an answer beside the others", fix="write fewer at once")
    told.__cause__ = error
    return told
