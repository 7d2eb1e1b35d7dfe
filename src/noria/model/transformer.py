"""The trunk: one block, every modality. An embedder stands before it, a head behind it.

    tokens -> [ x + attention(norm x), x + mlp(norm x) ] * depth -> norm -> tokens

Pre-norm RMSNorm without gains, rotary positions, normalised queries and keys, squared ReLU, no
biases, output projections that start at zero (each block starts as the identity). Depth 0 is the identity.
Knows no modality, no vocabulary, no loss.
Read next: model/layers/attention_context.py, blocks/__init__.py, model/layers/mlp.py; sizes.yaml.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from noria.contract import Attention
from noria.errors import UserError
from noria.model.blocks import BlockVariant, block_variant
from noria.model.layers.attention_context import AttentionContext, attention_context
from noria.model.layers.cache import KeyValueCache
from noria.model.layers.fused_ops import branch_norm, norm
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
        self.variant = block_variant(settings.block, settings.block_settings)
        is_layer = [self.variant.has_attention(index) for index in range(settings.depth)]
        self.num_layers = sum(is_layer)  # of the cache
        self.blocks = nn.ModuleList(
            Block(settings, self.variant, index, sum(is_layer[:index])) for index in range(settings.depth)
        )

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
        when these arguments contradict each other, UserError for an attention that the blocks cannot serve.
        """
        if not self.blocks:
            return tokens
        if attention not in self.variant.attentions:
            raise UserError(
                f"{self.settings.block} blocks cannot serve this task",
                where="model.block",
                expected=f"a block that can do attention {attention!r}",
                found=f"one that can do {' and '.join(self.variant.attentions)}",
            )
        if tokens.pair_bias is not None and self.num_layers < len(self.blocks):
            raise UserError(
                f"{self.settings.block} blocks cannot take a bias between tokens",
                where="model.block",
                expected="attention",
            )
        context = attention_context(self.settings.rotary, tokens, attention, is_prefix, cache)
        x = tokens.features
        if tokens.is_real is not None:  # so that not even NaN at a padded place reaches a real one
            x = x.masked_fill(~tokens.is_real[:, :, None], 0.0)
        halfway = None
        for index, block in enumerate(self.blocks):
            if self.training and 0 < index == len(self.blocks) // 2:
                halfway = x
            x = block(x, context)
        return tokens._replace(features=norm(x), halfway=halfway)

    def new_cache(self, batch_size: int, capacity: int, dtype: torch.dtype | None = None) -> KeyValueCache:
        """Return an empty cache for rows of up to `capacity` real tokens; dtype: by default that of the weights.

        Inside autocast the default is autocast's own type.
        """
        s, weight = self.settings, next(self.parameters(), torch.empty(0))
        if dtype is None:
            kind = weight.device.type
            dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
        return KeyValueCache(self.num_layers, (batch_size, s.heads, capacity, s.head_dim), dtype, weight.device)


class Block(nn.Module):
    """Add what attention (or what stands in its place) and the MLP have to say to the stream."""

    def __init__(self, settings: TransformerSettings, variant: BlockVariant, index: int, layer: int) -> None:
        super().__init__()
        self.attention = variant.mixer(settings.width, settings.heads, index, layer)
        self.mlp = variant.mlp(settings.width, round(settings.mlp_ratio * settings.width))
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor, context: AttentionContext) -> Tensor:
        x = x + self.dropout(self.attention(branch_norm(x), context))
        x = x + self.dropout(self.mlp(branch_norm(x)))
        return x
