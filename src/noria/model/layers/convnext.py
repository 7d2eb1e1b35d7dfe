"""A convolution block over time: what is near along it, then an MLP. What is padding stays zero.

    x -> depthwise convolution -> norm -> widen, GELU, narrow -> scale -> + x

Source: Liu et al. 2022, "A ConvNet for the 2020s"; over the frames of a sound: Siuzdak 2023, "Vocos".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

KERNEL = 7  # of both papers


class ConvNextBlock(nn.Module):
    """features float[B, T, D], is_real bool[B, T] or None -> float[B, T, D], zero where not real."""

    def __init__(self, width: int, expansion: int = 3, kernel: int = KERNEL, num_blocks: int = 6) -> None:
        super().__init__()
        self.near = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, expansion * width)
        self.narrow = nn.Linear(expansion * width, width)
        self.scale = nn.Parameter(torch.full((width,), 1 / num_blocks))

    def forward(self, features: Tensor, is_real: Tensor | None) -> Tensor:
        near = self.near(features.transpose(1, 2)).transpose(1, 2)
        changed: Tensor = features + self.scale * self.narrow(functional.gelu(self.widen(self.norm(near))))
        return changed if is_real is None else changed * is_real[:, :, None]
