"""What generation needs of a model and of a tokenizer, and what it gives. Read next: generate.py, beams.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from torch import Tensor

from noria.text.decoding import Decoder

End = Literal["end", "length", "stop"]


class Memory(Protocol):
    """What a CausalLM remembers of each row."""

    def select(self, rows: Tensor) -> None:
        """Keep the rows int[K] in this order; some may come more than once."""

    def join(self, other: Any) -> bool:
        """Take in the rows of another memory of the same model, after one's own; say whether that was possible."""


class Reading(Protocol):
    """Inputs that are read part by part; `logits` float[B, V], of the first token, once all is read."""

    cache: Any
    logits: Tensor | None

    def go_on(self, most: int | None = None) -> int:
        """Read at most so many tokens more of each row, or all where that cannot be; return how many."""


class CausalLM(Protocol):
    """What generation needs of a model."""

    def start(self, inputs: Any, capacity: int) -> tuple[Tensor, Any]:
        """Read the inputs; return logits float[B, V] of the first token and a Memory with room for `capacity` more."""

    def read(self, batches: Sequence[Any], capacity: int) -> Reading:
        """Do as `start` does with the rows of all batches of inputs, part by part."""

    def step(self, ids: Tensor, cache: Any, is_live: Tensor | None = None) -> Tensor:
        """Append one token int[B] to each (live) row; return the logits float[B, V] of the next."""


class Rules(Protocol):
    """Which tokens may come next in each of some rows."""

    def allowed(self, rows: Sequence[int]) -> Tensor:
        """Return bool[rows, V]."""

    def take(self, row: int, token: int) -> None:
        """Go on by the token a row has chosen."""


class TokenizerLike(Protocol):
    """What generation needs of a tokenizer; `end` is the id that ends an answer."""

    @property
    def end(self) -> int: ...

    @property
    def pieces(self) -> Sequence[bytes] | None:
        """Return the bytes of each id, b"" for special ones; None where they depend on the ids before."""

    def decoder(self) -> Decoder:
        """Return the decoder of one row."""


@dataclass(frozen=True)
class Generated:
    """Answers by row. ids hold neither the end token nor tokens of a stop text; logprobs are of these ids, by the model
    itself, before temperature and filters (of beams: after the repetition penalty, as they were searched by).

    texts are cut exactly before the stop text, and end with a whole character; empty strings unless asked for.
    """

    ids: list[list[int]]
    logprobs: list[list[float]]
    ended: list[End]
    texts: list[str]
