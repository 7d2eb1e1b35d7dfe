"""Rotary positions: turn each pair of channels by an angle that grows with the token's position.

After it the product of a query and a key depends on the distance between them alone. Source: Su et al. 2021,
"RoFormer", https://arxiv.org/abs/2104.09864, equation 34, with the pairs (i, i + D/2) as in GPT-NeoX.
Read next: model/blocks/attention.py.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class RotarySettings(NamedTuple):
    """How a trunk turns: the base in tokens, the channels of a head, the heads of queries and keys together."""

    base: float
    head_dim: int
    num_heads: int


class Rotary(NamedTuple):
    """Cosines and signed sines of one batch, each float32[B or 1, T, 1 or H, D] for heads of D channels.

    x turned is x * cos + (x with its halves swapped) * sin; so sin is negative in its first half.
    """

    cos: Tensor
    sin: Tensor


def rotary(positions: Tensor, head_dim: int, base: float) -> Rotary:
    """Return the angles of int[B, T] positions; always float32, bfloat16 cannot count past 256."""
    exponents = torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32) / head_dim
    angles = positions[:, :, None, None].float() * torch.pow(base, -exponents)
    cos, sin = angles.cos(), angles.sin()
    return Rotary(torch.cat((cos, cos), -1), torch.cat((-sin, sin), -1))


def written_out(by: Rotary, num_heads: int) -> Rotary:
    """Return the same angles once for each head, where rows share them: loops then run over T * H * D at once."""
    if len(by.cos) > 1:
        return by
    return Rotary(*(part.expand(-1, -1, num_heads, -1).contiguous() for part in by))


def rotate(x: Tensor, by: Rotary) -> Tensor:
    """Turn float[B, T, H, D] by the angles of its tokens; the type of x is kept."""
    return x * by.cos.to(x.dtype) + swapped(x) * by.sin.to(x.dtype)


def swapped(x: Tensor) -> Tensor:
    """Swap the halves of the last axis."""
    return x.roll(x.shape[-1] // 2, -1)


def count_real(num_tokens: int, is_real: Tensor | None, device: torch.device) -> Tensor:
    """Return int[B or 1, T]: how many real tokens stand before each real one.

    This is 0..T-1 for a row that starts with its real tokens, and the same numbers for the same tokens wherever the
    padding stands: before, behind or (two inputs one after the other) between them. What padding itself gets is unused.
    """
    if is_real is None:
        return torch.arange(num_tokens, device=device)[None]
    return is_real.cumsum(dim=1) - 1
