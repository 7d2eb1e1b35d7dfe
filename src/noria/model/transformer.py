"""The trunk: one block, every modality. An embedder stands before it, a head behind it.

    tokens -> [ x + attention(norm x), x + mlp(norm x) ] * depth -> norm -> tokens

Pre-norm RMSNorm without gains, rotary positions, normalised queries and keys, squared ReLU, no
biases, output projections that start at zero (each block starts as the identity). Depth 0 is the identity.
Knows no modality, no vocabulary, no loss. Read next: view.py, blocks/__init__.py, mlp.py; sizes.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

import torch
import yaml
from torch import Tensor, nn

from noria.contract import Attention
from noria.errors import UserError, did_you_mean, raise_unmet
from noria.model.attention_context import View, make_view
from noria.model.blocks import BlockVariant, block_variant
from noria.model.cache import KeyValueCache
from noria.model.fast_cpu.fused_ops import branch_norm, norm
from noria.model.positions import RotarySettings
from noria.types import Tokens


@dataclass(frozen=True)
class TransformerSettings:
    """The trunk's settings; UserError names all that do not fit together.

    mlp_ratio: the MLP's hidden width / width. dropout: of what each branch adds; not of attention weights.
    positions: `none` is for sets (columns, atoms) and for embedders that add their own. rotary_base: in tokens.
    block: a variant of blocks/, with its own settings.
    """

    width: int
    depth: int
    heads: int = 1
    mlp_ratio: float = 4.0
    dropout: float = 0.0
    positions: Literal["rotary", "none"] = "rotary"
    rotary_base: float = 10_000.0  # RoFormer's
    block: str = "attention"
    block_settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        heads = self.heads
        needs_even = self.positions == "rotary"
        rules = {
            "width": (self.width >= 1, "at least 1", self.width),
            "depth": (self.depth >= 0, "at least 0", self.depth),
            "heads": (
                heads >= 1 and self.width % heads == 0 and not (needs_even and self.width // heads % 2),
                f"a divisor of width {self.width}" + (", width / heads even (rotary positions)" if needs_even else ""),
                heads,
            ),
            "mlp_ratio": (self.mlp_ratio > 0, "more than 0", self.mlp_ratio),
            "dropout": (0 <= self.dropout < 1, "at least 0 and less than 1", self.dropout),
            "positions": (self.positions in ("rotary", "none"), "rotary or none", self.positions),
            "rotary_base": (self.rotary_base > 1, "more than 1", self.rotary_base),
        }
        if self.depth == 0:  # an identity has no heads
            rules = {"width": rules["width"]}
        raise_unmet("the trunk", rules, "model.")
        block_variant(self.block, self.block_settings)

    @property
    def head_dim(self) -> int:
        """Return the channels of one head."""
        return self.width // self.heads

    @property
    def rotary(self) -> RotarySettings | None:
        """Return how queries and keys are turned by their positions, if they are."""
        return None if self.positions == "none" else RotarySettings(self.rotary_base, self.head_dim, 2 * self.heads)


def settings_of_size(name: str) -> dict[str, int]:
    """Return width, depth and heads of a named size; raise UserError with the nearest name when it is unknown.

    Example:
        >>> TransformerSettings(**{**settings_of_size("tiny"), "depth": 2})
        TransformerSettings(width=128, depth=2, heads=4, ...)
    """
    sizes: dict[str, dict[str, int]] = yaml.safe_load(files("noria.model").joinpath("sizes.yaml").read_text("utf-8"))
    if name not in sizes:
        raise UserError(f"there is no model size {name!r}", where="model.size", mend=did_you_mean(name, sizes))
    return sizes[name]


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
        view = make_view(self.settings.rotary, tokens, attention, is_prefix, cache)
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
        return KeyValueCache(self.num_layers, (batch_size, s.heads, capacity, s.head_dim), dtype, weight.device)


class Block(nn.Module):
    """Add what attention (or what stands in its place) and the MLP have to say to the stream."""

    def __init__(self, settings: TransformerSettings, variant: BlockVariant, index: int, layer: int) -> None:
        super().__init__()
        self.attention = variant.mixer(settings.width, settings.heads, index, layer)
        self.mlp = variant.mlp(settings.width, round(settings.mlp_ratio * settings.width))
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor, view: View) -> Tensor:
        x = x + self.dropout(self.attention(branch_norm(x), view))
        x = x + self.dropout(self.mlp(branch_norm(x)))
        return x
