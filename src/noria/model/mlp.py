"""The part of a block that transforms each token on its own: widen, bend, narrow. Read next: experts.py."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from noria.model.fused_ops import squared_relu
from noria.model.linear import linear


class SquaredReluMlp(nn.Module):
    """Square what is positive (So et al. 2021, "Primer", https://arxiv.org/abs/2109.08668): two matrices."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.widen = linear(width, hidden)
        self.narrow = linear(hidden, width, starts_at_zero=True)

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.narrow(squared_relu(self.widen(x)))
        return said


class SwiGlu(nn.Module):
    """Let one half gate the other (Shazeer 2020, https://arxiv.org/abs/2002.05202): three matrices.

    The hidden width is two thirds of what is asked for, so that the parameters are as many as with two matrices.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        hidden = max(1, round(2 * hidden / 3))
        self.gate = linear(width, hidden)
        self.widen = linear(width, hidden)
        self.narrow = linear(hidden, width, starts_at_zero=True)

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.narrow(F.silu(self.gate(x)) * self.widen(x))
        return said


MLPS = {"relu2": SquaredReluMlp, "swiglu": SwiGlu}
