"""What somebody would get right now: exercises asked one at a time behind the history."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from noria.modalities.items.arrays import GAPS, ITEMS, LEVELS
from noria.types import PAD, Output


def profiles(model: nn.Module, inputs: Any, history: str, count: int) -> Output:
    """Return `profile` int[B, count], exercises, and `profile_logits` float[B, count], how likely each goes right."""
    arrays = inputs[history]
    lengths = (arrays[ITEMS] != PAD).sum(1, keepdim=True)
    exercises = _exercises(arrays[ITEMS], count)
    unknown = torch.zeros_like(exercises[:, :1])
    logits = []
    for place in range(count):
        asked = {ITEMS: exercises[:, place : place + 1], GAPS: unknown, LEVELS: unknown}
        longer = {**arrays, **{name: _appended(arrays[name], lengths, one) for name, one in asked.items()}}
        found = model({**inputs, history: longer})["logits"][..., 0].float()
        logits.append(found.gather(1, lengths))
    return {"profile": exercises, "profile_logits": torch.cat(logits, 1)}


def _exercises(items: Tensor, count: int) -> Tensor:
    """Return int[B, count]: the newest different ones of a history, then the most frequent of all."""
    rows = []
    for row in items.tolist():
        newest = dict.fromkeys([*(item for item in reversed(row) if item != PAD), *range(count)])
        rows.append([*newest][:count])
    return torch.tensor(rows, dtype=torch.long, device=items.device).reshape(len(items), count)


def _appended(values: Tensor, lengths: Tensor, last: Tensor) -> Tensor:
    """Return rows with one value more behind their own."""
    longer = torch.cat([values, values.new_full((len(values), 1), PAD)], 1)
    return longer.scatter(1, lengths, last.to(longer.dtype))
