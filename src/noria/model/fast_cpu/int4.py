"""Weights that are numbers of 4 bits already, as in many files of GGUF: few tokens are answered from those.

A model that answers one row waits for its weights to come from memory, and so they are a quarter as many bytes. Nothing
is rounded to 4 bits here: only weights that lie on such a grid, but for the rounding of bfloat16, are taken. Written in
blocks of 32 that share a step and a start, in one of two ways of llama.cpp:

    Q4_1  start + step * q, where the smallest has q = 0 and the largest 15        q = 0 ... 15
    Q4_0  step * (q - 8), where the one furthest from zero has q = 0

Source: https://github.com/ggml-org/ggml, ggml-quants.c. Read next: varlen.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

BLOCK = 32  # weights that share a step
MIDDLE, LAST = 8, 15  # of the 16 numbers
ROUNDING = 2.0**-7  # of the largest of a block: weight, step and middle are rounded to bfloat16, half a last place each
MOST_ROWS = 4  # with more the plain product is as fast: docs/log/2026-11-26-int4.md
FIRST_ROWS = 8  # looked at before all
OPERATORS = ("_convert_weight_to_int4pack_for_cpu", "_weight_int4pack_mm_for_cpu")  # private: a torch may lack them


class FourBits(NamedTuple):
    """A matrix [N, K]: its numbers, laid out for the product, and each block's step and middle, [K / BLOCK, N, 2]."""

    numbers: Tensor
    grid: Tensor

    def product(self, x: Tensor) -> Tensor:
        """Return x of bfloat16 [..., K] by the transposed matrix, [..., N]."""
        rows = x.reshape(-1, x.shape[-1])
        said: Tensor = _ops()._weight_int4pack_mm_for_cpu(rows, self.numbers, BLOCK, self.grid)
        return said.view(*x.shape[:-1], said.shape[-1])


def four_bits(weight: Tensor) -> FourBits | None:
    """Return the numbers of a matrix of bfloat16 [N, K] that holds nothing else than such; otherwise None.

    None, too, where torch has no such product.
    """
    if not all(hasattr(_ops(), name) for name in OPERATORS):
        return None
    if weight.dtype != torch.bfloat16 or weight.shape[1] % BLOCK or weight.shape[0] % BLOCK:
        return None
    if _numbers(weight[:FIRST_ROWS]) is None or (found := _numbers(weight)) is None:
        return None
    numbers, step, middle = found
    packed = _ops()._convert_weight_to_int4pack_for_cpu(numbers, 1)
    return FourBits(packed, torch.stack((step.T, middle.T), -1).contiguous())


def _numbers(weight: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return numbers int32[N, K] and each block's step and middle, bfloat16[N, K / BLOCK]; None: there are none."""
    blocks = weight.float().view(len(weight), -1, BLOCK)
    low, high = blocks.amin(-1, keepdim=True), blocks.amax(-1, keepdim=True)  # quicker than both at once
    furthest = torch.where(high > -low, high, low)
    tolerance = furthest.abs() * ROUNDING
    for step, middle in (((high - low) / LAST, low + (high - low) * MIDDLE / LAST), (-furthest / MIDDLE, 0 * low)):
        step, middle = step.bfloat16(), middle.bfloat16()
        away = blocks - middle
        numbers = (away / step.where(step != 0, 1.0)).round_().clamp_(-MIDDLE, LAST - MIDDLE)
        if bool((away.addcmul_(numbers, step, value=-1).abs_() <= tolerance).all()):
            return numbers.add_(MIDDLE).int().flatten(1), step[..., 0], middle[..., 0]
    return None


def _ops() -> Any:
    return torch.ops.aten
