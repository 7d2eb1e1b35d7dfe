"""The head of transcripts: how likely each unit is at each token. Read next: target.py."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.model.layers.fused_ops import norm
from noria.types import PAD, Output, Tokens


class UnitsOfTokens(nn.Module):
    """Let every token name a unit, or none. Output: `logits` float[B, T, units], and `frames` int64[B], how many of the
    T are real.

    In training also `halfway`, what the same layer says of the tokens at half of the trunk's depth: learning from it,
    too, helps the lower blocks. Source: Lee and Watanabe 2021, https://arxiv.org/abs/2102.03216.
    """

    def __init__(self, width: int, num_units: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, num_units)

    def forward(self, tokens: Tokens) -> Output:
        features = tokens.features
        if tokens.is_real is None:
            frames = torch.full((len(features),), features.shape[1], dtype=torch.int64, device=features.device)
        else:
            frames = tokens.is_real.sum(1)
        output = {"logits": self.linear(features), "frames": frames}
        if self.training and tokens.halfway is not None:
            output["halfway"] = self.linear(norm(tokens.halfway))
        return output


def ctc_loss(logits: Tensor, frames: Tensor, ids: Tensor) -> Tensor:
    """Return the loss of each record in nats a unit, float32[B]; 0 where the transcript is too long for the sound.

    logits float[B, T, units]; frames int[B]; ids int[B, N], PAD after the end.
    """
    lengths = (ids != PAD).sum(1)
    log_probs = logits.float().log_softmax(-1).transpose(0, 1)
    nats = functional.ctc_loss(
        log_probs, ids.clamp_min(0), frames, lengths, reduction="none", zero_infinity=True
    )  # the blank is 0
    return nats / lengths.clamp_min(1)
