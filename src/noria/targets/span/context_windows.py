"""Long inputs in windows that overlap, so that a trunk of limited reach sees all of them. Knows no task."""

from __future__ import annotations

import torch
from torch import Tensor

from noria.contract.capabilities import IDS
from noria.modalities.text.arrays import STARTS
from noria.types import PAD


def sliding(arrays: dict[str, Tensor], size: int, stride: int) -> tuple[dict[str, Tensor], Tensor]:
    """Return arrays [R, at most size] of windows, and int[R], the record that each is of, in order.

    arrays: `ids`, `starts` and whatever runs beside them, [B, T] each, PAD where a row has ended. Windows begin
    `stride` tokens apart; the last one of a row ends where the row ends. A special token at the end of the rows
    (`starts` is PAD there too) ends every window.

        a b c d e f g .   size 5, stride 2      a b c d .   c d e f .   d e f g .
    """
    ids, starts = arrays[IDS], arrays[STARTS]
    lengths = (ids != PAD).sum(1)
    final = (lengths - 1).clamp_min(0)[:, None]
    has_end = bool((starts.gather(1, final) == PAD).all())
    own, room = (lengths - int(has_end)).clamp_min(0), size - int(has_end)
    counts = 1 + (own - room + stride - 1).clamp_min(0) // stride
    record = torch.repeat_interleave(torch.arange(len(ids), device=ids.device), counts)
    number = torch.arange(len(record), device=ids.device) - (counts.cumsum(0) - counts)[record]
    begin = torch.minimum(number * stride, (own - room).clamp_min(0)[record])
    columns = begin[:, None] + torch.arange(min(room, ids.shape[1]), device=ids.device)
    is_own = columns < own[record, None]

    def cut(values: Tensor) -> Tensor:
        part = values[record[:, None], columns.clamp_max(ids.shape[1] - 1)]
        part = part.masked_fill(~is_own, PAD)
        if not has_end:
            return part
        part = torch.cat([part, torch.full_like(part[:, :1], PAD)], 1)
        return part.scatter(1, is_own.sum(1, keepdim=True), values.gather(1, final)[record])

    return {name: cut(values) for name, values in arrays.items()}, record
