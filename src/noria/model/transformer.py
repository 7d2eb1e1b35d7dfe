"""The trunk: one block, every modality. An embedder stands before it, a head behind it.

    tokens -> [ x + attention(norm x), x + mlp(norm x) ] * depth -> norm -> tokens

Pre-norm RMSNorm without gains, rotary positions, normalised queries and keys, grouped-query attention, squared
ReLU, no biases, output projections that start at zero (each block starts as the identity). Depth 0 is the identity.
Knows no modality, no vocabulary, no loss. Read next: view.py, attention.py, mlp.py, experts.py,
recurrence.py; settings.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from noria.contract import Attention
from noria.model.attention import SelfAttention
from noria.model.attention_context import View, make_view
from noria.model.cache import KeyValueCache
from noria.model.fused_ops import branch_norm, norm
from noria.model.mlp import MLPS
from noria.model.recurrence import Recurrence
from noria.model.settings import TransformerSettings
from noria.types import Tokens


class Transformer(nn.Module):
    """Mix tokens [B, T, width] -> [B, T, width].

    Example:
        >>> trunk = Transformer(TransformerSettings(width=128, depth=4, heads=4))
        >>> trunk(Tokens(torch.zeros(2, 5, 128)), "causal").features.shape
        torch.Size([2, 5, 128])
    """

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        self.settings = settings
        self.blocks = nn.ModuleList(Block(settings, layer) for layer in range(settings.depth))

    def forward(
        self,
        tokens: Tokens,
        attention: Attention,
        is_prefix: Tensor | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tokens:
        """Return the tokens with mixed features; what stands at padded places is finite and means nothing.

        `is_prefix`, bool[B, T], belongs to attention `prefix`. With a cache, tokens are the next chunk of each row; all
        of the prefix (for `full`: everything) comes in the first chunk, as later ones would change what is cached.
        Positions default to the count of real tokens before each, so padding may stand anywhere. Raise ValueError
        when these arguments contradict each other.
        """
        if not self.blocks:
            return tokens
        view = make_view(self.settings, tokens, attention, is_prefix, cache)
        x = tokens.features
        if tokens.is_real is not None:  # so that not even NaN at a padded place reaches a real one
            x = x.masked_fill(~tokens.is_real[:, :, None], 0.0)
        for block in self.blocks:
            x = block(x, view)
        return tokens._replace(features=norm(x))

    def new_cache(self, batch_size: int, capacity: int, dtype: torch.dtype | None = None) -> KeyValueCache:
        """Return an empty cache for rows of up to `capacity` real tokens; dtype: by default that of the weights.

        Inside autocast the default is autocast's own type.
        """
        s, weight = self.settings, next(self.parameters(), torch.empty(0))
        if dtype is None:
            kind = weight.device.type
            dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
        depth = sum(s.has_attention(index) for index in range(s.depth))
        return KeyValueCache(depth, (batch_size, s.kv_heads or s.heads, capacity, s.head_dim), dtype, weight.device)


class Block(nn.Module):
    """Add what attention (or a recurrence) and the MLP have to say to the stream."""

    def __init__(self, settings: TransformerSettings, index: int) -> None:
        super().__init__()
        is_full = settings.is_full(index)
        if is_full or settings.window is not None:
            layer = sum(settings.has_attention(earlier) for earlier in range(index))
            self.attention: SelfAttention | Recurrence = SelfAttention(settings, layer, not is_full)
        else:
            self.attention = Recurrence(settings, index)
        hidden = round(settings.mlp_ratio * settings.width)
        self.has_experts = settings.experts > 1
        if self.has_experts:
            from noria.model.experts import VISITED, Experts  # which imports the compiler, a second at every start

            self.mlp: nn.Module = Experts(settings.width, max(1, hidden // VISITED), settings.experts)
        else:
            self.mlp = MLPS[settings.mlp](settings.width, hidden)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor, view: View) -> Tensor:
        x = x + self.dropout(self.attention(branch_norm(x), view))
        normed = branch_norm(x)
        said = self.mlp(normed, view.is_real) if self.has_experts else self.mlp(normed)
        x = x + self.dropout(said)
        return x
