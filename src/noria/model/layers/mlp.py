"""The part of a block that transforms each token on its own: widen, bend, narrow."""

from __future__ import annotations

from torch import Tensor, nn

from noria.model.layers.fused_ops import squared_relu
from noria.model.layers.linear import linear


class SquaredReluMlp(nn.Module):
    """Square what is positive (So et al. 2021, "Primer", https://arxiv.org/abs/2109.08668): two matrices."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.widen = linear(width, hidden)
        self.narrow = linear(hidden, width, starts_at_zero=True)

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.narrow(squared_relu(self.widen(x)))
        return said
