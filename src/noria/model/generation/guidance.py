"""Follow what is asked for more closely than the model does by itself: classifier-free guidance (Ho and Salimans 2022).

A guided row is read twice, as it is asked and with nothing asked; its next token is chosen by

    logits = nothing + strength * (asked - nothing)

Knows no task: whoever asks says what "nothing asked" is. Read next: generate.py, which writes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from noria.model.generation.protocols import CausalLM, Reading


@dataclass(frozen=True)
class Guided:
    """A CausalLM. `is_guided` bool[B] of all rows that it is given; `nothing`: the inputs of the twins of these."""

    model: CausalLM
    nothing: Any
    is_guided: Tensor
    strength: float

    def start(self, inputs: Any, capacity: int) -> tuple[Tensor, _Twins]:
        """Read the inputs, and those of the twins beside them."""
        reading = self.read([inputs], capacity)
        reading.go_on()
        assert reading.logits is not None
        return reading.logits, reading.cache

    def read(self, batches: Sequence[Any], capacity: int) -> Reading:
        """Do as `start` does with the rows of all batches of inputs, part by part."""
        reading = self.model.read([*batches, self.nothing], capacity)
        return _TwinReading(reading, _Twins(reading.cache, _places(self.is_guided)), self.strength)

    def step(self, ids: Tensor, cache: _Twins, is_live: Tensor | None = None) -> Tensor:
        """Append a row's token to it and to its twin; return the mixed logits float[B, V]."""
        is_guided = cache.places >= 0
        live = None if is_live is None else torch.cat((is_live, is_live[is_guided]))
        logits = self.model.step(torch.cat((ids, ids[is_guided])), cache.memory, live)
        return _mixed(logits, cache.places, self.strength)


@dataclass
class _Twins:
    """A Memory of rows and, behind them, of their twins; `places` int[B]: where a row's twin stands, -1 for none."""

    memory: Any
    places: Tensor

    def select(self, rows: Tensor) -> None:
        """Keep the rows int[K] in this order, each with its twin."""
        twins = self.places[rows]
        self.memory.select(torch.cat((rows, twins[twins >= 0])))
        self.places = _places(twins >= 0)

    def join(self, other: Any) -> bool:
        """Say that others cannot be taken in: the twins are in the way."""
        return False


class _TwinReading:
    """A Reading of rows and their twins; `logits` are mixed."""

    def __init__(self, reading: Reading, cache: _Twins, strength: float) -> None:
        self._reading, self._strength = reading, strength
        self.cache: Any = cache
        self.logits: Tensor | None = None

    def go_on(self, most: int | None = None) -> int:
        """Read at most so many tokens more of each row; return how many."""
        num_read = self._reading.go_on(most)
        if self._reading.logits is not None:
            self.logits = _mixed(self._reading.logits, self.cache.places, self._strength)
        return num_read


def _places(is_guided: Tensor) -> Tensor:
    """Return int[B]: the places of the twins of some of B rows, which stand in order behind them."""
    return torch.where(is_guided, len(is_guided) + is_guided.cumsum(0) - 1, -1)


def _mixed(logits: Tensor, places: Tensor, strength: float) -> Tensor:
    rows, is_guided = logits[: len(places)].float().clone(), places >= 0
    nothing = logits[len(places) :].float()
    rows[is_guided] = nothing + strength * (rows[is_guided] - nothing)
    return rows
