"""The plain block: attention. Each token gathers values of the tokens it sees, weighted by query times key.

Read next: model/layers/attention_context.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from noria.contract import Attention
from noria.model.layers.attention_context import AttentionBias, AttentionContext
from noria.model.layers.fused_ops import split_heads
from noria.model.layers.linear import linear
from noria.model.layers.mlp import SquaredReluMlp


@dataclass(frozen=True)
class AttentionBlocks:
    """Blocks that attend, all of them."""

    attentions: ClassVar[tuple[Attention, ...]] = ("full", "causal", "prefix")

    def has_attention(self, index: int) -> bool:
        """Say so of each block."""
        return True

    def mixer(self, width: int, heads: int, index: int, layer: int) -> nn.Module:
        """Build the attention of one block."""
        return SelfAttention(width, heads, layer)

    def mlp(self, width: int, hidden: int) -> nn.Module:
        """Build the plain MLP."""
        return SquaredReluMlp(width, hidden)


class SelfAttention(nn.Module):
    """Multi-head attention.

    Queries and keys are normalised, so that scores cannot blow up in bfloat16; `sharpness`, one number a head, gives
    back the freedom to look at one token alone. Source: Henry et al. 2020, https://arxiv.org/abs/2010.04245.
    `layer` is the place among the cache's layers.
    """

    def __init__(self, width: int, heads: int, layer: int) -> None:
        super().__init__()
        self.layer, self.heads, self.head_dim = layer, heads, width // heads
        self.query, self.key, self.value = (linear(width, width) for _ in range(3))
        self.sharpness = nn.Parameter(torch.ones(heads))
        self.out = linear(width, width, starts_at_zero=True)

    def forward(self, x: Tensor, context: AttentionContext) -> Tensor:
        scale = torch.cat((self.sharpness * self.head_dim**-0.5, self.sharpness.new_ones(self.heads)))
        qk, v = split_heads(self._projected(x), scale, 2 * self.heads, context.rotary)  # [B, heads, T, D]
        q, k = qk[:, : self.heads], qk[:, self.heads :]
        if context.cache is not None:
            k, v = context.cache.append(self.layer, k, v)
        gathered = attend(q, k, v, context.bias)
        said: Tensor = self.out(gathered.transpose(1, 2).flatten(2))
        return said

    def _projected(self, x: Tensor) -> Tensor:
        """Return queries, keys and values as heads, float[B, T, 3 H, D]; their weights stay apart for Muon."""
        parts = (self.query, self.key, self.value)
        if torch.is_grad_enabled():  # one product is faster than three; without gradients joining costs more
            joined = F.linear(x, torch.cat([part.weight for part in parts]))
        else:
            joined = torch.cat([part(x) for part in parts], -1)
        return torch.unflatten(joined, -1, (-1, self.head_dim))


def attend(q: Tensor, k: Tensor, v: Tensor, bias: AttentionBias) -> Tensor:
    """Return softmax(q k) v, float[B, H, Tq, D], for q that is scaled already.

    k and v are float[B, H / G, Tk, D]: query head h reads key head h // G (G is 1 in our own trunk; checkpoints share).
    """
    num_queries, num_groups = q.shape[2], k.shape[1]
    stacked = q.reshape(q.shape[0], num_groups, -1, q.shape[3])  # [B, H / G, G * Tq, D]
    # Where scores are added to, the result of one operation lies otherwise than ONNX's: a view of it breaks there.
    is_fused = bias.is_fused and (bias.values is None or not torch.compiler.is_exporting())
    if is_fused and num_queries == 1:  # heads that share a key are queries of one head: each key is read once
        return F.scaled_dot_product_attention(stacked, k, v, attn_mask=bias.values, scale=1.0).reshape(q.shape)
    if is_fused:
        is_grouped = num_groups != q.shape[1]
        return F.scaled_dot_product_attention(
            q, k, v, attn_mask=bias.values, is_causal=bias.is_triangle, scale=1.0, enable_gqa=is_grouped
        )
    scores = stacked @ k.mT
    if bias.values is not None:
        scores = (scores.view(*scores.shape[:2], -1, num_queries, k.shape[2]) + bias.values[:, :, None]).flatten(2, 3)
    return (scores.softmax(dim=-1) @ v).reshape(q.shape)
