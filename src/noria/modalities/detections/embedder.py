"""Detections as tokens: what a detector said of each, and how it lies to those before, after and beside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from noria.types import Tokens, lengths_of, real_rows


class EachDetection(nn.Module):
    """Detections -> Tokens: logit of the chance, and the overlaps with boxes before, after and beside."""

    width = 4

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        is_real = real_rows(arrays[lengths_of("chances")], arrays["chances"].shape[1])
        chances = arrays["chances"].float().where(is_real, arrays["chances"].new_tensor(0.5))
        overlaps = arrays["overlaps"].float().where(is_real[:, :, None], arrays["overlaps"].new_tensor(0.0))
        return Tokens(torch.cat([chances.logit()[:, :, None], overlaps], 2), is_real)
