"""Which wishes are followed more closely, and what stands beside them: the same record without its wish.

Training leaves wishes out, so that the network knows both. Read next: model/generation/guidance.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noria.modalities.wishes.modality import FAR, LIKE, RANGES
from noria.types import PAD

if TYPE_CHECKING:
    from torch import Tensor

    from noria.model.generation.protocols import CausalLM

MOST_GUIDANCE = 20.0  # at 10 a fifth of what small networks write is no molecule


def guided(model: Any, inputs: dict[str, dict[str, Tensor]], wishes: str, strength: float) -> CausalLM:
    """Return what writes for these inputs; the model itself where nothing is asked for, or at a strength of 1."""
    from noria.model.generation.guidance import Guided

    asked = inputs[wishes]
    is_asked = (asked[RANGES].abs() < FAR).flatten(1).any(1) | (asked[LIKE] != PAD).any(1)
    if strength == 1 or not is_asked.any():
        speaker: CausalLM = model
        return speaker
    rows = {field: {name: one[is_asked] for name, one in arrays.items()} for field, arrays in inputs.items()}
    ends = asked[RANGES].new_tensor([-FAR, FAR]).expand_as(rows[wishes][RANGES])
    rows[wishes] |= {RANGES: ends, LIKE: rows[wishes][LIKE][:, :0]}
    return Guided(model, rows, is_asked, strength)
