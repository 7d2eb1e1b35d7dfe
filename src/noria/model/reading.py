"""Inputs that are read part by part, so that whoever shares the machine need not wait for a long one.

Read next: network.py, generation/continuous.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from noria.types import Tokens


class Reading:
    """Tokens on their way into a cache; `logits` float[B, V], of the answer's first token, once all of them are read.

    read: the trunk over the next tokens, and the logits after the last of them.
    """

    def __init__(self, tokens: Tokens, cache: Any, read: Callable[[Tokens, Any], Tensor], is_cut: bool) -> None:
        self._tokens, self._read, self._is_cut, self._at = tokens, read, is_cut, 0
        self.cache = cache
        self.logits: Tensor | None = None

    def go_on(self, most: int | None = None) -> int:
        """Read at most so many tokens more, all where they cannot be cut; return how many."""
        length = self._tokens.features.shape[1]
        end = min(length, self._at + most) if most and self._is_cut else length
        logits = self._read(_between(self._tokens, self._at, end), self.cache)
        num_read, self._at = end - self._at, end
        if end == length:
            self.logits = logits
        return num_read


def _between(tokens: Tokens, start: int, end: int) -> Tokens:
    if end - start == tokens.features.shape[1]:
        return tokens
    parts = (tokens.features, tokens.is_real, tokens.positions, tokens.segments)
    return Tokens(*(None if part is None else part[:, start:end] for part in parts))  # type: ignore[arg-type]
