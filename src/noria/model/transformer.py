"""The trunk: one block, every modality. An embedder stands before it, a head behind it.

    tokens -> [ x + attention(norm x), x + mlp(norm x) ] * depth -> norm -> tokens

Pre-norm RMSNorm without gains, rotary positions, normalised queries and keys, grouped-query attention, squared ReLU,
no biases, output projections that start at zero (each block starts as the identity). Depth 0 is the identity.
Knows no modality, no vocabulary, no loss. Read next: mask.py, positions.py, cache.py; sizes.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn

from noria.contract import Attention
from noria.errors import UserError, did_you_mean, raise_all
from noria.model.cache import KeyValueCache
from noria.model.mask import attention_mask
from noria.model.positions import Rotary, count_real, rotary, rotate
from noria.nouns import Tokens


@dataclass(frozen=True)
class TransformerSettings:
    """The trunk's settings; UserError names all that do not fit together.

    kv_heads: the heads of keys and values, shared by heads / kv_heads query heads each; None means one each.

        kv_heads 4 (multi-head)    2 (grouped-query)    1 (multi-query)
               k  k  k  k            k     k                 k
               q  q  q  q           q q   q q             q q q q

    mlp_ratio: the MLP's hidden width / width. dropout: of what each branch adds; not of attention weights.
    positions: `none` is for sets (columns, atoms) and for embedders that add their own. rotary_base: in tokens.
    """

    width: int
    depth: int
    heads: int = 1
    kv_heads: int | None = None
    mlp_ratio: float = 4.0
    dropout: float = 0.0
    positions: Literal["rotary", "none"] = "rotary"
    rotary_base: float = 10_000.0  # RoFormer's

    def __post_init__(self) -> None:
        heads, kv_heads = self.heads, self.heads if self.kv_heads is None else self.kv_heads
        needs_even = self.positions == "rotary"
        rules = {
            "width": (self.width >= 1, "at least 1", self.width),
            "depth": (self.depth >= 0, "at least 0", self.depth),
            "heads": (
                heads >= 1 and self.width % heads == 0 and not (needs_even and self.width // heads % 2),
                f"a divisor of width {self.width}" + (", width / heads even (rotary positions)" if needs_even else ""),
                heads,
            ),
            "kv_heads": (kv_heads >= 1 and heads % kv_heads == 0, f"a divisor of heads {heads}", kv_heads),
            "mlp_ratio": (self.mlp_ratio > 0, "more than 0", self.mlp_ratio),
            "dropout": (0 <= self.dropout < 1, "at least 0 and less than 1", self.dropout),
            "positions": (self.positions in ("rotary", "none"), "rotary or none", self.positions),
            "rotary_base": (self.rotary_base > 1, "more than 1", self.rotary_base),
        }
        if self.depth == 0:  # an identity has no heads
            rules = {"width": rules["width"]}
        raise_all(
            [
                UserError(f"the trunk cannot have this {name}", where=f"model.{name}", expected=rule, found=str(found))
                for name, (holds, rule, found) in rules.items()
                if not holds
            ]
        )

    @property
    def head_dim(self) -> int:
        """Return the channels of one head."""
        return self.width // self.heads


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
        view = self._view(tokens, attention, is_prefix, cache)
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
        return KeyValueCache(s.depth, (batch_size, s.kv_heads or s.heads, capacity, s.head_dim), dtype, weight.device)

    def _view(
        self, tokens: Tokens, attention: Attention, is_prefix: Tensor | None, cache: KeyValueCache | None
    ) -> View:
        continues = cache is not None and cache.longest > 0
        check_prefix(attention, is_prefix, continues)
        features, is_real, positions, _ = tokens
        num_tokens = num_keys = features.shape[1]
        is_triangle = attention == "causal" and is_real is None and cache is None
        slots = mask = turn = None
        if cache is not None:
            slots = cache.reserve(num_tokens, is_real)
            is_real, num_keys = cache.is_real, cache.num_readable
            is_prefix = None if is_prefix is None else cache.packed(is_prefix, slots)
            attention = "causal" if continues else attention  # the prefix is behind: a target sees all of it
        if not is_triangle:
            mask = attention_mask(
                attention, num_keys, is_real=is_real, is_prefix=is_prefix, query_slots=slots, device=features.device
            )
        if self.settings.positions == "rotary":
            if positions is None:
                positions = count_real(num_tokens, is_real, features.device) if slots is None else slots
            turn = rotary(positions, self.settings.head_dim, self.settings.rotary_base)
        return View(mask, is_triangle, turn, cache, slots)


def check_prefix(attention: Attention, is_prefix: Tensor | None, continues: bool) -> None:
    """Raise ValueError for a prefix that is not wanted, or comes after the first chunk of a cache."""
    if is_prefix is not None and (attention != "prefix" or continues):
        raise ValueError("is_prefix belongs to attention 'prefix', and to the first chunk of a cache")
    if attention == "full" and continues:
        raise ValueError("attention 'full' takes everything in one chunk: later tokens change earlier features")


class View(NamedTuple):
    """What every block of one forward pass shares: who sees whom, the angles, and where the cache writes.

    mask         bool[B or 1, 1, Tq or 1, Tk], True where seen; None: see is_triangle
    is_triangle  the mask is plain causal and not built: fused kernels then skip half of the work
    slots        int[B, T], None without a cache
    """

    mask: Tensor | None
    is_triangle: bool
    rotary: Rotary | None
    cache: KeyValueCache | None
    slots: Tensor | None


class Block(nn.Module):
    """Add what attention and MLP have to say to the stream."""

    def __init__(self, settings: TransformerSettings, layer: int) -> None:
        super().__init__()
        self.attention = SelfAttention(settings, layer)
        self.mlp = Mlp(settings)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor, view: View) -> Tensor:
        x = x + self.dropout(self.attention(norm(x), view))
        x = x + self.dropout(self.mlp(norm(x)))
        return x


class SelfAttention(nn.Module):
    """Let each token gather values of the tokens it sees, weighted by query times key.

    Queries and keys are normalised, so that scores cannot blow up in bfloat16; `sharpness`, one number a head, gives
    back the freedom to look at one token alone. Source: Henry et al. 2020, https://arxiv.org/abs/2010.04245.
    """

    def __init__(self, settings: TransformerSettings, layer: int) -> None:
        super().__init__()
        self.layer, self.head_dim = layer, settings.head_dim
        kv_width = (settings.kv_heads or settings.heads) * settings.head_dim
        self.query = linear(settings.width, settings.width)
        self.key = linear(settings.width, kv_width)
        self.value = linear(settings.width, kv_width)
        self.sharpness = nn.Parameter(torch.ones(settings.heads))
        self.out = linear(settings.width, settings.width, starts_at_zero=True)

    def forward(self, x: Tensor, view: View) -> Tensor:
        q, k, v = (part(x).unflatten(-1, (-1, self.head_dim)) for part in (self.query, self.key, self.value))
        q, k = norm(q), norm(k)  # [B, T, H, D]
        if view.rotary is not None:
            q, k = rotate(q, view.rotary), rotate(k, view.rotary)
        q = q * (self.sharpness * self.head_dim**-0.5).to(q.dtype)[:, None]
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))  # [B, H, T, D]
        if view.cache is not None and view.slots is not None:
            k, v = view.cache.append(self.layer, view.slots, k, v)
        gathered = attend(q, k, v, view.mask, view.is_triangle)
        said: Tensor = self.out(gathered.transpose(1, 2).flatten(2))
        return said


class Mlp(nn.Module):
    """Transform each token on its own: widen, square what is positive, narrow.

    Squared ReLU (So et al. 2021, "Primer", https://arxiv.org/abs/2109.08668) and not SwiGLU: two matrices in place of
    three at equal parameters, and no slower (1-5 % faster where measured, on a CPU). Quality was not compared here.
    """

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        hidden = round(settings.mlp_ratio * settings.width)
        self.widen = linear(settings.width, hidden)
        self.narrow = linear(hidden, settings.width, starts_at_zero=True)

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.narrow(F.relu(self.widen(x)).square())
        return said


# Up to this many scores (queries x keys) the three plain operations beat torch's fused kernel in bfloat16 on a CPU:
# training 3-9x at T <= 128, 2x at 256, level at 1024; one query against 1024 cached keys 1.6-2.9x. In float32 the
# fused kernel wins at every length (1.0-1.3x, 2x at 1024). Measured on 1 core with AMX, torch 2.13, head_dim 32, 64.
MANUAL_SCORES = 512 * 512


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, is_triangle: bool = False) -> Tensor:
    """Return softmax(q k) v, float[B, H, Tq, D], for q that is scaled already.

    k and v are float[B, H / G, Tk, D]: query head h reads key head h // G. The mask is as in View.
    """
    num_queries, num_keys, num_groups = q.shape[2], k.shape[2], k.shape[1]
    is_fused = q.dtype != torch.bfloat16 or q.device.type != "cpu" or num_queries * num_keys > MANUAL_SCORES
    if is_fused:
        is_grouped = num_groups != q.shape[1]
        return F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=is_triangle, scale=1.0, enable_gqa=is_grouped
        )
    if is_triangle:
        mask = attention_mask("causal", num_keys, device=q.device)
    stacked = q.reshape(q.shape[0], num_groups, -1, q.shape[3])  # [B, H / G, G * Tq, D]
    scores = stacked @ k.mT
    if mask is not None:
        unseen = torch.where(mask, 0.0, float("-inf")).to(q.dtype)[:, :, None]  # adding is faster than filling
        scores = (scores.view(*scores.shape[:2], -1, num_queries, num_keys) + unseen).flatten(2, 3)
    return (scores.softmax(dim=-1) @ v).reshape(q.shape)


def norm(x: Tensor) -> Tensor:
    """Scale the last axis to a root mean square of 1; computed in float32 inside, also for bfloat16."""
    normed: Tensor = F.rms_norm(x, (x.shape[-1],), eps=1e-6)  # Llama's
    return normed


def linear(num_in: int, num_out: int, starts_at_zero: bool = False) -> nn.Linear:
    """Return a layer without bias that keeps a variance of 1, or starts at zero."""
    layer = nn.Linear(num_in, num_out, bias=False)
    nn.init.normal_(layer.weight, std=0.0 if starts_at_zero else num_in**-0.5)
    return layer
