"""The linear layer of the trunk: no bias, and a start that keeps the variance."""

from __future__ import annotations

from torch import nn


def linear(num_in: int, num_out: int, starts_at_zero: bool = False) -> nn.Linear:
    """Return a layer without bias that keeps a variance of 1, or starts at zero."""
    layer = nn.Linear(num_in, num_out, bias=False)
    nn.init.normal_(layer.weight, std=0.0 if starts_at_zero else num_in**-0.5)
    return layer
