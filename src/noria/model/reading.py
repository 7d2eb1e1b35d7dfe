"""Inputs that are read part by part, so that whoever shares the machine need not wait for a long one.

Read next: network.py, generation/continuous.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
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
        """Read at most so many tokens more of each row, all where they cannot be cut; return how many."""
        length = self._tokens.features.shape[1]
        end = min(length, self._at + most) if most and self._is_cut else length
        logits = self._read(_between(self._tokens, self._at, end), self.cache)
        num_read, self._at = end - self._at, end
        if end == length:
            self.logits = logits
        return num_read


def stack_rows(parts: Sequence[Tokens]) -> Tokens:
    """Return the rows of several right-aligned batches as one, filled up on the left."""
    if len(parts) == 1:
        return parts[0]
    if any(part.pair_bias is not None for part in parts):
        raise ValueError("tokens with a bias between them are read alone")
    length = max(part.features.shape[1] for part in parts)
    short = [length - part.features.shape[1] for part in parts]

    def stacked(name: str) -> Tensor | None:
        rows = [getattr(part, name) for part in parts]
        return None if any(one is None for one in rows) else _joined(rows, short)

    features = _joined([part.features for part in parts], short)
    is_real = _joined([_is_real(part) for part in parts], short)
    return Tokens(features, None if is_real.all() else is_real, stacked("positions"), stacked("segments"))


def _joined(rows: Sequence[Tensor], short: Sequence[int]) -> Tensor:
    fill = [(0, 0) * (one.ndim - 2) + (by, 0) for one, by in zip(rows, short, strict=True)]
    return torch.cat([F.pad(one, by) for one, by in zip(rows, fill, strict=True)])


def _is_real(part: Tokens) -> Tensor:
    return part.features.new_ones(part.features.shape[:2], dtype=torch.bool) if part.is_real is None else part.is_real


def _between(tokens: Tokens, start: int, end: int) -> Tokens:
    if end - start == tokens.features.shape[1]:
        return tokens
    parts = (tokens.features, tokens.is_real, tokens.positions, tokens.segments)
    return Tokens(*(None if part is None else part[:, start:end] for part in parts))  # type: ignore[arg-type]
