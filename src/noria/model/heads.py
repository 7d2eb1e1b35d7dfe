"""Heads: what stands between the tokens and an output. Knows no task."""

from __future__ import annotations

from torch import Tensor, nn

from noria.nouns import Output, Tokens


def pooled(tokens: Tokens) -> Tensor:
    """Return the mean over the real tokens, float[B, D]."""
    features, is_real = tokens.features, tokens.is_real
    if features.shape[1] == 1:
        return features[:, 0]
    if is_real is None:
        return features.mean(1)
    weights = is_real.to(features.dtype).unsqueeze(-1)
    return (features * weights).sum(1) / weights.sum(1).clamp_min(1)


class PooledLinear(nn.Module):
    """Give one vector a record: the mean of its tokens through a linear layer. Output: `name` float[B, outputs]."""

    def __init__(self, width: int, outputs: int, name: str) -> None:
        super().__init__()
        self.name = name
        self.linear = nn.Linear(width, outputs)

    def forward(self, tokens: Tokens) -> Output:
        return {self.name: self.linear(pooled(tokens))}
