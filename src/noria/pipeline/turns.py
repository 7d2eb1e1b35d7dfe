"""Answers that are each written for themselves, by turns: one piece of one of them a step. Read next: streams.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from noria.types import Batch, Chunk


class Turns:
    """What writes several answers where nothing writes them at once.

    stream: what makes the pieces of one batch, and raises UserError for a setting that cannot be used.
    """

    def __init__(self, stream: Callable[[Batch, Mapping[str, Any]], Iterator[Chunk]]) -> None:
        self._stream = stream
        self._pieces: dict[int, Iterator[Chunk]] = {}  # the next one first
        self._contents: dict[int, str | bytes] = {}  # nothing yet, of the kind that an answer is

    def begin(self, number: int, batch: Batch, settings: Mapping[str, Any]) -> None:
        """Take up a batch of one record; nothing is computed yet."""
        self._pieces[number] = self._stream(batch, settings)

    def step(self) -> list[tuple[int, Chunk | Exception]]:
        """Return one more piece of the answer whose turn it is, or what broke it."""
        if not self._pieces:
            return []
        number = next(iter(self._pieces))
        pieces = self._pieces.pop(number)
        try:
            piece = next(pieces, None) or Chunk(self._contents.get(number, ""), "end")
        except Exception as error:  # noqa: BLE001  # whatever it is, it is of this answer alone
            self._contents.pop(number, None)
            return [(number, error)]
        self._contents[number] = piece.content[:0]
        if piece.ended is None:
            self._pieces[number] = pieces
        else:
            del self._contents[number]
        return [(number, piece)]

    def end(self, number: int) -> Chunk:
        """End an answer before its end; return its last piece."""
        del self._pieces[number]
        return Chunk(self._contents.pop(number, ""), "length")
