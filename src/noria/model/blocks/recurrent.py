"""Recurrent blocks: memory of fixed size, the gated delta rule. Its cost grows with T, not with T squared.

Each head keeps a matrix S that maps keys to values. A token first lets S fade, then corrects what S says for its key:

    S <- exp(g) S          v' = b (v - k S)          S <- S + k^T v'          output q S

with b in (0, 1) and g < 0 from the token itself. Written for chunks of 64 tokens, most of it is matrix products.
Source: Yang et al. 2024, "Gated Delta Networks", https://arxiv.org/abs/2412.06464. It looks back only.
Padding may stand anywhere: real tokens are brought to the left first. Read next: attention.py, model/layers/cache.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from noria.contract import Attention
from noria.errors import raise_unmet
from noria.model.blocks.attention import SelfAttention
from noria.model.layers.attention_context import AttentionContext
from noria.model.layers.fused_ops import norm
from noria.model.layers.linear import linear
from noria.model.layers.mlp import SquaredReluMlp

CHUNK = 64
REACH = 4  # tokens that the short convolution before queries, keys and values sees


@dataclass(frozen=True)
class RecurrentBlocks:
    """Recurrent blocks, and every n-th attends.

    attention_every 0              3
    recurrent recurrent recurrent  recurrent recurrent attention
    """

    attention_every: int = 0
    """Every n-th block attends; 0: none does. Where something far back must be found again, 3 or 4."""
    attentions: ClassVar[tuple[Attention, ...]] = ("causal",)

    def __post_init__(self) -> None:
        rules = {"attention_every": (self.attention_every >= 0, "at least 0", self.attention_every)}
        raise_unmet("a recurrent trunk", rules, "model.block_settings.")

    def has_attention(self, index: int) -> bool:
        """Say so of each n-th block."""
        return self.attention_every > 0 and (index + 1) % self.attention_every == 0

    def mixer(self, width: int, heads: int, index: int, layer: int) -> nn.Module:
        """Build the recurrence or the attention of one block."""
        return SelfAttention(width, heads, layer) if self.has_attention(index) else Recurrence(width, heads, index)

    def mlp(self, width: int, hidden: int) -> nn.Module:
        """Build the plain MLP."""
        return SquaredReluMlp(width, hidden)


class Recurrence(nn.Module):
    """Stand where SelfAttention would; keeps its state in the cache, under the block's index."""

    def __init__(self, width: int, heads: int, index: int) -> None:
        super().__init__()
        self.index, self.head_dim = index, width // heads
        self.query, self.key, self.value, self.gate = (linear(width, width) for _ in range(4))
        self.blend = nn.Parameter(torch.zeros(REACH, 3 * width))  # the convolution: how much of each token back
        self.rates = linear(width, 2 * heads)  # b and g of each head
        self.fade = nn.Parameter(torch.linspace(-5.0, 0.0, heads))  # of long and of short memory
        self.out = linear(width, width, starts_at_zero=True)
        with torch.no_grad():
            self.blend[-1] = 1.0

    def forward(self, x: Tensor, context: AttentionContext) -> Tensor:
        order = None
        if context.is_real is not None:
            order = (~context.is_real).to(torch.uint8).argsort(dim=1, stable=True)[:, :, None]
            x = x.take_along_dim(order, 1)
        y = self._remembered(x, context)
        y = norm(y).to(x.dtype) * torch.unflatten(F.silu(self.gate(x)), -1, (-1, self.head_dim))
        said: Tensor = self.out(y.flatten(2))
        return said if order is None else torch.zeros_like(said).scatter(1, order.expand_as(said), said)

    def _remembered(self, x: Tensor, context: AttentionContext) -> Tensor:
        """Return what each head remembers, float32[B, T, H, D], for real tokens packed to the left."""
        tail, state = (None, None) if context.cache is None else context.cache.states.get(self.index, (None, None))
        joined = F.linear(x, torch.cat([part.weight for part in (self.query, self.key, self.value)]))
        joined, tail = self._blended(joined, tail, context.is_real)
        with torch.autocast(x.device.type, enabled=False):  # the sums within a chunk need float32
            q, k, v = torch.unflatten(joined.float(), -1, (3, -1, self.head_dim)).permute(2, 0, 3, 1, 4)
            b, g = torch.unflatten(self.rates(x.to(self.rates.weight.dtype)).float(), -1, (2, -1)).permute(2, 0, 3, 1)
            b, g = b.sigmoid(), -F.softplus(g + self.fade.float()[:, None])
            if context.is_real is not None:  # padding neither writes nor fades
                is_real = _packed(context.is_real)[:, None]
                b, g = b * is_real, g * is_real
            if state is None:
                state = x.new_zeros(*q.shape[:2], self.head_dim, self.head_dim, dtype=torch.float32)
            q, k = F.normalize(q, dim=-1) * self.head_dim**-0.5, F.normalize(k, dim=-1)
            y, state = delta_rule(q, k, v, g, b, state)
        if context.cache is not None:
            context.cache.states[self.index] = (tail, state)
        return y.transpose(1, 2)

    def _blended(self, x: Tensor, tail: Tensor | None, is_real: Tensor | None) -> tuple[Tensor, Tensor]:
        """Mix each token with those before it, channel by channel; return also the last tokens, for the next chunk."""
        num_tokens = x.shape[1]
        if tail is None:
            tail = x.new_zeros(len(x), REACH - 1, x.shape[2])
        longer = torch.cat((tail.to(x.dtype), x), 1)
        blend = self.blend.to(x.dtype)
        mixed = longer[:, :num_tokens] * blend[0]
        for place in range(1, REACH):
            mixed = mixed + longer[:, place : place + num_tokens] * blend[place]
        if is_real is None:
            return F.silu(mixed), longer[:, num_tokens:]
        last = is_real.sum(1)[:, None] + torch.arange(REACH - 1, device=x.device)
        return F.silu(mixed), longer.take_along_dim(last[:, :, None], 1)


def delta_rule(q: Tensor, k: Tensor, v: Tensor, g: Tensor, b: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Run the recurrence over float32[B, H, T, D] from a state [B, H, D, D]; return outputs and the last state."""
    num_tokens = q.shape[2]
    size = min(CHUNK, num_tokens)
    if num_tokens % size:
        short = size - num_tokens % size
        q, k, v = (F.pad(part, (0, 0, 0, short)) for part in (q, k, v))
        g, b = (F.pad(part, (0, short)) for part in (g, b))
    q, k, v, g, b = (torch.unflatten(part, 2, (-1, size)) for part in (q, k, v, g, b))  # [B, H, N, C(, D)]
    since = g.cumsum(-1)
    fading = (since[..., :, None] - since[..., None, :]).tril().exp().tril()  # from token j to token i
    written = b[..., None]
    overlap = ((k * written) @ k.mT * fading).tril(-1)
    right = torch.cat((v * written, k * written * since.exp()[..., None]), -1)
    solved = torch.linalg.solve_triangular(overlap, right, upper=False, unitriangular=True)
    news, known = solved.chunk(2, dim=-1)  # what is written if S is empty, and what S takes off it
    within = q @ k.mT * fading
    asked = q * since.exp()[..., None]
    kept = since[..., -1:].exp()[..., None]
    late = k * (since[..., -1:] - since).exp()[..., None]
    outputs = []
    for i in range(q.shape[2]):
        new = news[:, :, i] - known[:, :, i] @ state
        outputs.append(asked[:, :, i] @ state + within[:, :, i] @ new)
        state = state * kept[:, :, i] + late[:, :, i].mT @ new
    return torch.cat(outputs, 2)[:, :, :num_tokens], state


def _packed(is_real: Tensor) -> Tensor:
    """Return the flags of a chunk whose real tokens were brought to the left."""
    return torch.arange(is_real.shape[1], device=is_real.device) < is_real.sum(1, keepdim=True)
