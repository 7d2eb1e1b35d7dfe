"""Rotary positions: turn each pair of channels by an angle that grows with the token's position.

After it the product of a query and a key depends on the distance between them alone. Source: Su et al. 2021,
"RoFormer", https://arxiv.org/abs/2104.09864, equation 34, with the pairs (i, i + D/2) as in GPT-NeoX.
Read next: transformer.py.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Rotary(NamedTuple):
    """Cosines and sines of one batch, each float32[B, T, 1, D/2] for heads of D channels."""

    cos: Tensor
    sin: Tensor


def rotary(positions: Tensor, head_dim: int, base: float) -> Rotary:
    """Return the angles of int[B, T] positions; always float32, bfloat16 cannot count past 256."""
    exponents = torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32) / head_dim
    angles = positions[:, :, None, None].float() * torch.pow(base, -exponents)
    return Rotary(angles.cos(), angles.sin())


def rotate(x: Tensor, by: Rotary) -> Tensor:
    """Turn float[B, T, H, D] by the angles of its tokens; the type of x is kept."""
    cos, sin = by.cos.to(x.dtype), by.sin.to(x.dtype)
    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cos - right * sin, left * sin + right * cos), dim=-1)


def count_real(num_tokens: int, is_real: Tensor | None, device: torch.device) -> Tensor:
    """Return int[B or 1, T]: how many real tokens stand before each real one.

    This is 0..T-1 for a row that starts with its real tokens, and the same numbers for the same tokens wherever the
    padding stands: before, behind or (two inputs one after the other) between them. What padding itself gets is unused.
    """
    if is_real is None:
        return torch.arange(num_tokens, device=device)[None]
    return is_real.cumsum(dim=1) - 1
