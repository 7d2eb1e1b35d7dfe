"""The parts of a block that are no matrix product, with gradients written by hand.

On a CPU they cost more than the matrix products where autograd finds the gradients by itself, as it passes over memory
two to four times as often. Under torch.compile and export the plain formulas are used: a compiler fuses them anyway.
Knows no weights and no cache. Read next: model/blocks/attention.py.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from noria.model.layers.positions import Rotary, rotate, swapped

EPSILON = 1e-6  # Llama's


def norm(x: Tensor) -> Tensor:
    """Scale the last axis to a root mean square of 1; computed in float32 inside, also for bfloat16."""
    normed: Tensor = F.rms_norm(x, (x.shape[-1],), eps=EPSILON)
    return normed


def branch_norm(x: Tensor) -> Tensor:
    """Return norm(x) in the type that the matrix products after it use, autocast's if that is on."""
    if is_plain(x):
        return norm(x).to(product_dtype(x))
    normed: Tensor = _Norm.apply(x, product_dtype(x))  # type: ignore[no-untyped-call]
    return normed


def squared_relu(x: Tensor) -> Tensor:
    """Return relu(x) squared."""
    if is_plain(x):
        return F.relu(x).square()
    squared: Tensor = _SquaredRelu.apply(x)  # type: ignore[no-untyped-call]
    return squared


def split_heads(x: Tensor, scale: Tensor, num_turned: int, by: Rotary | None) -> tuple[Tensor, Tensor]:
    """Split float[B, T, H, D] into its first `num_turned` heads and the rest, each float[B, heads, T, D].

    The first are normalised, turned by their positions and multiplied by scale, float[num_turned]; the rest are left as
    they are.
    """
    if is_plain(x):
        turned = norm(x[:, :, :num_turned])
        turned = turned if by is None else rotate(turned, by)
        turned = turned * scale.to(x.dtype)[:, None]
        return turned.transpose(1, 2), x[:, :, num_turned:].transpose(1, 2)
    cos, sin = (None, None) if by is None else by
    split: tuple[Tensor, Tensor] = _SplitHeads.apply(x, scale, num_turned, cos, sin)  # type: ignore[no-untyped-call]
    return split


def product_dtype(x: Tensor) -> torch.dtype:
    """Return the type that a linear layer would compute in for x."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def is_plain(x: Tensor) -> bool:
    """Say whether the plain formula is the better one: no gradient is wanted, or a compiler looks on."""
    return torch.compiler.is_compiling() or not (torch.is_grad_enabled() and x.requires_grad)


class _Norm(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dtype: torch.dtype) -> Tensor:
        rate = _inverse_size(x)
        ctx.save_for_backward(x, rate)
        return (x * rate).to(dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, rate = ctx.saved_tensors
        gradient, unit = gradients[0].float(), x * rate
        return (gradient - unit * _mean_product(gradient, unit)).mul_(rate).to(x.dtype), None


class _SquaredRelu(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = F.relu(x)
        ctx.save_for_backward(positive)
        return positive * positive

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (positive,) = ctx.saved_tensors
        return (gradients[0] * positive).mul_(2)


class _SplitHeads(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, num_turned: int, cos: Tensor | None, sin: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        first = x[:, :, :num_turned].float()
        rate = _inverse_size(first)
        ctx.save_for_backward(x, rate, scale, cos, sin)
        first = first * (rate * scale.float()[:, None])
        if cos is not None and sin is not None:
            first = swapped(first).mul_(sin).addcmul_(first, cos)
        turned = first.transpose(1, 2).to(x.dtype, memory_format=torch.contiguous_format)
        return turned, x[:, :, num_turned:].transpose(1, 2).contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, rate, scale, cos, sin = ctx.saved_tensors
        num_turned = rate.shape[2]
        back = gradients[0].transpose(1, 2).to(torch.float32, memory_format=torch.contiguous_format)
        if cos is not None and sin is not None:
            back = swapped(back * sin).addcmul_(back, cos)  # the inverse of a turn is its transpose
        unit = x[:, :, :num_turned] * rate
        mean = _mean_product(back, unit)
        for_scale = (mean.sum((0, 1, 3)) * x.shape[3]).to(scale.dtype) if ctx.needs_input_grad[1] else None
        for_x = torch.empty_like(x)
        for_x[:, :, :num_turned] = (back - unit.mul_(mean)).mul_(rate * scale.float()[:, None])
        for_x[:, :, num_turned:] = gradients[1].transpose(1, 2)
        return for_x, for_scale, None, None, None


def _inverse_size(x: Tensor) -> Tensor:
    """Return 1 / root mean square of the last axis, float32."""
    size: Tensor = torch.linalg.vector_norm(x.float(), dim=-1, keepdim=True)
    return size.square_().mul_(1 / x.shape[-1]).add_(EPSILON).rsqrt_()


def _mean_product(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).mean(-1, keepdim=True)
