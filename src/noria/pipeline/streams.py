"""Answers of one predictor that are being written side by side, a piece of each in turn.

Read next: model/generation/generate.py.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from noria.contract import dispatch
from noria.pipeline.encoder import EncodedChunk
from noria.pipeline.predictor import Predictor
from noria.types import Chunk


class Full(Exception):
    """As many answers are being written as may be."""


class Streams:
    """Answers that are being written.

    One whose chunk has `ended` is over; one that broke has ended with "error", and has `errors[number]`.
    """

    def __init__(self, predictor: Predictor, most: int) -> None:
        self._predictor, self._most = predictor, most
        self._going: dict[int, tuple[Generator[Chunk], list[Chunk]]] = {}
        self._next = 0
        self.errors: dict[int, Exception] = {}

    def __len__(self) -> int:
        return len(self._going)

    def begin(self, chunk: EncodedChunk, index: int, settings: Mapping[str, Any]) -> int:
        """Take up one encoded record; return its number. Raises UserError where a setting cannot be used; Full."""
        if len(self) >= self._most:
            raise Full
        own = self._predictor
        batch = chunk.records.batch(np.array([index]), own.device)
        pieces = dispatch.stream(own.task.target, own.bundle.model.eval(), batch, own.states["target"], settings)
        first = next(iter(pieces))
        self._next += 1
        self._going[self._next] = (pieces, [first])  # type: ignore[assignment]
        return self._next

    def step(self) -> list[tuple[int, Chunk]]:
        """Return the next piece of each answer."""
        found = []
        for number, (pieces, waiting) in list(self._going.items()):
            try:
                piece = waiting.pop() if waiting else next(pieces, Chunk("", "end"))
            except Exception as error:  # noqa: BLE001  # one answer that breaks leaves the others going
                self.errors[number] = error
                piece = Chunk("", "error")
            if piece.ended:
                self.drop(number)
            found.append((number, piece))
        return found

    def drop(self, number: int) -> None:
        """Write no more of an answer."""
        going = self._going.pop(number, None)
        if going is not None:
            with suppress(AttributeError):  # an iterator that is no generator has nothing to close
                going[0].close()
