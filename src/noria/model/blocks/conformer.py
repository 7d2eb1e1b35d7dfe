"""Blocks that attend and convolve: attention sees far, a depthwise convolution beside it sees what is near.

    x -> attention ------------------------------------------------- + -> x + both
      -> value * sigmoid(gate) -> depthwise convolution -> norm, SiLU -> linear --^

For sound, whose neighbouring frames say much of one another. It looks both ways, and so serves what is read as a whole.
Source: Gulati et al. 2020, "Conformer", https://arxiv.org/abs/2005.08100; beside one another, as here, both learn as
well as in turn: Peng et al. 2022, "Branchformer", https://arxiv.org/abs/2207.02971. Read next: attention.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from noria.contract import Attention
from noria.errors import raise_unmet
from noria.model.blocks.attention import SelfAttention
from noria.model.layers.attention_context import AttentionContext
from noria.model.layers.fused_ops import norm
from noria.model.layers.linear import linear
from noria.model.layers.mlp import SquaredReluMlp
from noria.model.layers.packing import packed, unpacked


@dataclass(frozen=True)
class ConformerBlocks:
    """Blocks that attend and convolve, all of them."""

    kernel: int = 15
    """Tokens that the convolution of a block sees, an odd number. Raise it where tokens are short."""
    attentions: ClassVar[tuple[Attention, ...]] = ("full",)

    def __post_init__(self) -> None:
        rules = {"kernel": (self.kernel > 0 and self.kernel % 2 == 1, "an odd number of at least 1", self.kernel)}
        raise_unmet("a conformer trunk", rules, "model.block_settings.")

    def has_attention(self, index: int) -> bool:
        """Say so of each block."""
        return True

    def mixer(self, width: int, heads: int, index: int, layer: int) -> nn.Module:
        """Build the attention of one block with its convolution."""
        return AttentionAndConvolution(width, heads, layer, self.kernel)

    def mlp(self, width: int, hidden: int) -> nn.Module:
        """Build the plain MLP."""
        return SquaredReluMlp(width, hidden)


class AttentionAndConvolution(nn.Module):
    """Add what both branches say of the same tokens."""

    def __init__(self, width: int, heads: int, layer: int, kernel: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads, layer)
        self.convolution = Convolution(width, kernel)

    def forward(self, x: Tensor, context: AttentionContext) -> Tensor:
        said: Tensor = self.attention(x, context) + self.convolution(x, context.is_real)
        return said


class Convolution(nn.Module):
    """Mix each channel of a token with that of its neighbours. Padding is no neighbour, wherever it stands."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.value, self.gate = linear(width, width), linear(width, width)
        self.blend = nn.Parameter(torch.randn(kernel, width) * kernel**-0.5)  # the weight of each neighbour
        self.out = linear(width, width, starts_at_zero=True)

    def forward(self, x: Tensor, is_real: Tensor | None) -> Tensor:
        gated = self.value(x) * self.gate(x).sigmoid()
        if is_real is not None:
            gated = packed(gated, is_real)
        kernel, width = self.blend.shape
        weight = self.blend.to(gated.dtype).T[:, None, None]  # as a picture of one row: twice as fast on a CPU
        mixed = F.conv2d(gated.mT[:, :, None], weight, padding=(0, kernel // 2), groups=width)[:, :, 0].mT
        if is_real is not None:
            mixed = unpacked(mixed, is_real)
        said: Tensor = self.out(F.silu(norm(mixed)))
        return said
