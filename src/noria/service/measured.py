"""What a model's process measured of a request; it comes with the last piece of the reply."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """How long the parts of a request took, by the clock of the model's process.

    queue_seconds   from its arrival until the model began on it
    prompt_seconds  of an answer written token by token: from then on until its first token
    model_seconds   in the model, with the prompt's
    batch_size      records that were computed together with its first one
    ended           why a written answer ended: end, stop, length or error
    """

    queue_seconds: float = 0.0
    prompt_seconds: float = 0.0
    model_seconds: float = 0.0
    batch_size: int = 0
    ended: str = ""
