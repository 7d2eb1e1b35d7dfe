"""Attention: each token gathers values of the tokens it sees, weighted by query times key. Read next: view.py."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from noria.model.attention_context import Sight, View
from noria.model.fused_ops import split_heads
from noria.model.linear import linear
from noria.model.settings import TransformerSettings


class SelfAttention(nn.Module):
    """Grouped-query attention.

    Queries and keys are normalised, so that scores cannot blow up in bfloat16; `sharpness`, one number a head, gives
    back the freedom to look at one token alone. Source: Henry et al. 2020, https://arxiv.org/abs/2010.04245.
    `layer` is the place among the cache's layers; `is_near` says that only a window is seen.
    """

    def __init__(self, settings: TransformerSettings, layer: int, is_near: bool) -> None:
        super().__init__()
        self.layer, self.is_near, self.head_dim = layer, is_near, settings.head_dim
        self.heads, self.kv_heads = settings.heads, settings.kv_heads or settings.heads
        kv_width = self.kv_heads * settings.head_dim
        self.query = linear(settings.width, settings.width)
        self.key = linear(settings.width, kv_width)
        self.value = linear(settings.width, kv_width)
        self.sharpness = nn.Parameter(torch.ones(settings.heads))
        self.out = linear(settings.width, settings.width, starts_at_zero=True)

    def forward(self, x: Tensor, view: View) -> Tensor:
        scale = torch.cat((self.sharpness * self.head_dim**-0.5, self.sharpness.new_ones(self.kv_heads)))
        num_turned = self.heads + self.kv_heads
        qk, v = split_heads(self._projected(x), scale, num_turned, view.rotary)  # [B, heads, T, D]
        q, k = qk[:, : self.heads], qk[:, self.heads :]
        if view.cache is not None:
            k, v = view.cache.append(self.layer, k, v)
        gathered = attend(q, k, v, view.near if self.is_near else view.full)
        said: Tensor = self.out(gathered.transpose(1, 2).flatten(2))
        return said

    def _projected(self, x: Tensor) -> Tensor:
        """Return queries, keys and values as heads, float[B, T, H + 2 H / G, D]; their weights stay apart for Muon."""
        parts = (self.query, self.key, self.value)
        if torch.is_grad_enabled():  # one product is faster than three; without gradients joining costs more
            joined = F.linear(x, torch.cat([part.weight for part in parts]))
        else:
            joined = torch.cat([part(x) for part in parts], -1)
        return torch.unflatten(joined, -1, (-1, self.head_dim))


def attend(q: Tensor, k: Tensor, v: Tensor, sight: Sight) -> Tensor:
    """Return softmax(q k) v, float[B, H, Tq, D], for q that is scaled already.

    k and v are float[B, H / G, Tk, D]: query head h reads key head h // G.
    """
    num_queries, num_groups = q.shape[2], k.shape[1]
    stacked = q.reshape(q.shape[0], num_groups, -1, q.shape[3])  # [B, H / G, G * Tq, D]
    if sight.is_fused and num_queries == 1:  # heads that share a key are queries of one head: each key is read once
        return F.scaled_dot_product_attention(stacked, k, v, attn_mask=sight.bias, scale=1.0).reshape(q.shape)
    if sight.is_fused:
        is_grouped = num_groups != q.shape[1]
        return F.scaled_dot_product_attention(
            q, k, v, attn_mask=sight.bias, is_causal=sight.is_triangle, scale=1.0, enable_gqa=is_grouped
        )
    scores = stacked @ k.mT
    if sight.bias is not None:
        scores = (scores.view(*scores.shape[:2], -1, num_queries, k.shape[2]) + sight.bias[:, :, None]).flatten(2, 3)
    return (scores.softmax(dim=-1) @ v).reshape(q.shape)
