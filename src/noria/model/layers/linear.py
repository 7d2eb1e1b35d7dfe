"""The linear layer of the trunk: no bias, and a start that keeps the variance; and one layer in place of several."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def linear(num_in: int, num_out: int, starts_at_zero: bool = False) -> nn.Linear:
    """Return a layer without bias that keeps a variance of 1, or starts at zero."""
    layer = nn.Linear(num_in, num_out, bias=False)
    nn.init.normal_(layer.weight, std=0.0 if starts_at_zero else num_in**-0.5)
    return layer


def joined(layers: Sequence[nn.Linear]) -> nn.Linear:
    """Return one layer that gives the outputs of several, one after another: one product is faster than several."""
    first = layers[0]
    one = nn.Linear(
        first.in_features, sum(layer.out_features for layer in layers), first.bias is not None, device="meta"
    )
    one.weight = nn.Parameter(torch.cat([layer.weight.detach() for layer in layers]))
    if first.bias is not None:
        one.bias = nn.Parameter(torch.cat([layer.bias.detach() for layer in layers]))
    return one
