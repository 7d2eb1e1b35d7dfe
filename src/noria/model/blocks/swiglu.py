"""Blocks that attend, whose MLP is gated: SwiGLU, three matrices of together as many weights as two.

Source: Shazeer 2020, "GLU Variants Improve Transformer", https://arxiv.org/abs/2002.05202. Read next: attention.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from noria.model.blocks.attention import AttentionBlocks
from noria.model.layers.linear import linear


@dataclass(frozen=True)
class SwigluBlocks(AttentionBlocks):
    """Plain blocks but for their MLP, which is gated."""

    def mlp(self, width: int, hidden: int) -> nn.Module:
        """Build the gated MLP: two thirds as wide, so that it has as many weights as the plain one."""
        return GatedMlp(width, max(1, round(2 * hidden / 3)))


class GatedMlp(nn.Module):
    """Let one projection gate the other."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate = linear(width, hidden)
        self.widen = linear(width, hidden)
        self.narrow = linear(hidden, width, starts_at_zero=True)

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.narrow(F.silu(self.gate(x)) * self.widen(x))
        return said
