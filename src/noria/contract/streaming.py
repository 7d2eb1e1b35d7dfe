"""Ask a target for its answer piece by piece, or do what holds where it gives none so. The rest is in dispatch.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from noria.contract import capabilities as can
from noria.contract.capabilities import declared
from noria.contract.core import Target
from noria.errors import UserError
from noria.types import Batch, Chunk, State

if TYPE_CHECKING:
    from torch import nn


def can_stream(target: Target) -> bool:
    """Say whether the answer is given piece by piece."""
    return declared(target, can.Streams) is not None


def can_generate(target: Target) -> bool:
    """Say whether the answer is given token by token."""
    return declared(target, can.Generates) is not None


def stream_schema(target: Target, most_tokens: int) -> dict[str, Any]:
    """Return the JSON schema of what a request for an answer in pieces may set."""
    own = declared(target, can.Streams)
    return own.stream_schema(most_tokens) if own else {"type": "object", "additionalProperties": False}


def stream(
    target: Target, model: nn.Module, batch: Batch, state: State, settings: Mapping[str, Any]
) -> Iterator[Chunk]:
    """Return the answers of a batch piece by piece; raise UserError where the target does not write, or not so."""
    own = declared(target, can.Streams)
    if own is None:
        raise UserError("this answer is not given piece by piece", fix="ask for it as a whole: noria predict")
    return own.stream(model, batch, state, settings)


def writer(target: Target, model: nn.Module, state: State) -> can.Writer | None:
    """Return what writes several answers at once; None where each is written for itself."""
    own = declared(target, can.Generates)
    return own.writer(model, state) if own else None


def answer_embedder(target: Target, state: State, width: int) -> nn.Module | None:
    """Return how an answer that is given token by token enters the trunk; None for any other."""
    own = declared(target, can.Generates)
    return own.answer_embedder(state, width) if own else None
