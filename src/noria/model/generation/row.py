"""One answer as it grows: its tokens, and the text that is certain. Read next: generate.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from noria.model.generation.protocols import End
from noria.text.decoding import Decoder
from noria.types import Chunk


@dataclass
class Row:
    """One answer as it grows. `held` is text that may be the beginning of a stop text."""

    decoder: Decoder | None
    stop: tuple[str, ...]
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)  # the text that each id makes certain
    lengths: list[float] = field(default_factory=list)  # characters after each id; infinite within a character
    text: str = ""
    held: str = ""
    ended: End | None = None

    def say(self, token: int, logprob: float, end: int, is_last: bool) -> str:
        """Take one token; return the text that is now certain."""
        if token == end:
            self.ended = "end"
            return self._release("")
        self.ids.append(token)
        self.logprobs.append(logprob)
        new = self._heard(self.decoder, token) if self.decoder else ""
        if is_last and self.ended is None:
            self.ended = "length"
            return new + self._release("")
        return new

    def piece(self, new: str, number: int = 0) -> Chunk:
        """Return new text as a piece of the row of this number."""
        if self.ended is None:
            return Chunk(new, row=number)
        return Chunk(new, self.ended, tuple(self.logprobs), number, tuple(self.tokens))

    def cut(self) -> str:
        """End before the end; return the text that was held back."""
        self.ended = "length"
        return self._release("")

    def _heard(self, decoder: Decoder, token: int) -> str:
        self.tokens.append(decoder.push(token))
        whole = self.held + self.tokens[-1]
        self.lengths.append(len(self.text) + len(whole) if decoder.is_whole else math.inf)
        # the one that ended first, so that it does not matter how the text was cut into tokens
        found = [(place + len(stop), place) for stop in self.stop if (place := whole.find(stop)) >= 0]
        if found:
            self.ended, self.held = "stop", ""
            certain = whole[: min(found)[1]]
            self.text += certain
            kept = max((i for i, length in enumerate(self.lengths, 1) if length <= len(self.text)), default=0)
            del self.ids[kept:], self.logprobs[kept:], self.tokens[kept:]
            return certain
        return self._release(whole[len(whole) - _held_back(whole, self.stop) :], whole)

    def _release(self, held: str, whole: str | None = None) -> str:
        whole = self.held if whole is None else whole
        certain = whole[: len(whole) - len(held)]
        self.text, self.held = self.text + certain, held
        return certain


def _held_back(text: str, stops: Sequence[str]) -> int:
    """Return the length of the longest end of the text that a stop text begins with."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    for size in range(min(longest, len(text)), 0, -1):
        if any(stop.startswith(text[-size:]) for stop in stops):
            return size
    return 0
