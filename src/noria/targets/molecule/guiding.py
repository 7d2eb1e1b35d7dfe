"""Which wishes are followed more closely, and what stands beside them: the same record without its wish.

Training leaves wishes out, so that the network knows both. Read next: model/generation/guidance.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from noria.modalities.wishes.modality import FAR, LIKE, RANGES
from noria.types import PAD

if TYPE_CHECKING:
    from torch import Tensor

    from noria.model.generation.protocols import CausalLM

Inputs: TypeAlias = "dict[str, dict[str, Tensor]]"

MOST_GUIDANCE = 20.0  # at 10 a fifth of what small networks write is no molecule


def guided(model: Any, inputs: Inputs, wishes: str, strength: float) -> CausalLM:
    """Return what writes for these inputs; the model itself where nothing is asked for, or at a strength of 1."""
    from noria.model.generation.guidance import Guided

    asks = is_asked(inputs[wishes])
    if strength == 1 or not asks.any():
        speaker: CausalLM = model
        return speaker
    nothing = rows_of(inputs, asks)
    own = nothing[wishes]
    ends = own[RANGES].new_tensor([-FAR, FAR]).expand_as(own[RANGES])
    return Guided(model, {**nothing, wishes: {**own, RANGES: ends, LIKE: own[LIKE][:, :0]}}, asks, strength)


def is_asked(wishes: dict[str, Tensor]) -> Tensor:
    """Return bool[B]: which records ask for anything."""
    return (wishes[RANGES].abs() < FAR).flatten(1).any(1) | (wishes[LIKE] != PAD).any(1)


def rows_of(inputs: Inputs, rows: Tensor | slice) -> Inputs:
    """Return the inputs of some records."""
    return {field: {name: one[rows] for name, one in arrays.items()} for field, arrays in inputs.items()}
