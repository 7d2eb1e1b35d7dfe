"""Bring the real tokens of each row to its left, and back: for what slides over neighbours or runs through them.

Padding may stand anywhere in a row. Written with sums and scatter, which export as sorting does not.
"""

from __future__ import annotations

import torch
from torch import Tensor


def packed_places(is_real: Tensor) -> Tensor:
    """Return where each token goes, int64[B, T]: real ones to the left in their order, padding behind them."""
    real, padded = is_real.long(), (~is_real).long()
    return torch.where(is_real, real.cumsum(1) - 1, real.sum(1, keepdim=True) + padded.cumsum(1) - 1)


def packed(x: Tensor, is_real: Tensor) -> Tensor:
    """Return float[B, T, D] with the real tokens of each row at its left, zeros behind them."""
    places = packed_places(is_real)[:, :, None].expand_as(x)
    return torch.zeros_like(x).scatter(1, places, x.masked_fill(~is_real[:, :, None], 0.0))


def unpacked(x: Tensor, is_real: Tensor) -> Tensor:
    """Return float[B, T, D] with each token where it stood before `packed`."""
    return x.gather(1, packed_places(is_real)[:, :, None].expand_as(x))
