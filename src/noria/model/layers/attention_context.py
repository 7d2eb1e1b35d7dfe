"""What every block of one forward pass shares: who sees whom, the angles, where the cache writes. Made once a pass.

Read next: model/blocks/attention.py, attention_mask.py, cache.py.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from noria.contract import Attention
from noria.errors import UserError
from noria.model.layers.attention_mask import as_bias, attention_mask
from noria.model.layers.cache import KeyValueCache
from noria.model.layers.fused_ops import is_plain, product_dtype
from noria.model.layers.positions import Rotary, RotarySettings, count_real, rotary, written_out
from noria.types import Tokens

# Up to this many scores (queries x keys) the plain products beat torch's fused kernel in bfloat16 on a CPU, there and
# back: 2.5-7x at T = 64 to 256, 1.8-2.6x at 512 and 1024 (1 core of AMD Zen 4, torch 2.13, head_dim 32 and 64).
# For one query against a cache it is the other way round: in bfloat16 the fused kernel wins (1.3-5x, AMX and AVX-512),
# in float32 the products do by a little.
MANUAL_SCORES = 1024 * 1024


class AttentionBias(NamedTuple):
    """Who sees whom: values float[B or 1, 1, Tq or 1, Tk], minus infinity where not seen, None where all is seen.

    is_triangle  plain causal, and the bias is not built: fused kernels then skip half of the work
    is_fused     whether torch's fused kernel is the faster one here
    """

    values: Tensor | None
    is_triangle: bool
    is_fused: bool


class AttentionContext(NamedTuple):
    """What the blocks share.

    is_real  bool[B, T] of this chunk; None when all are
    """

    bias: AttentionBias
    rotary: Rotary | None
    cache: KeyValueCache | None
    is_real: Tensor | None


def attention_context(
    turning: RotarySettings | None,
    tokens: Tokens,
    attention: Attention,
    is_prefix: Tensor | None,
    cache: KeyValueCache | None,
) -> AttentionContext:
    """Return the context of one forward pass; count the chunk in the cache. `turning` is None without positions."""
    continues = cache is not None and cache.longest > 0
    check_prefix(attention, is_prefix, continues)
    features, is_real, positions, pair_bias = tokens.features, tokens.is_real, tokens.positions, tokens.pair_bias
    if pair_bias is not None and cache is not None:
        raise UserError("an input with a bias between its tokens cannot be continued token by token", where="inputs")
    num_tokens = num_keys = features.shape[1]
    real_keys, slots = is_real, None
    if cache is not None:
        slots = cache.reserve(num_tokens, is_real)
        real_keys, num_keys = cache.is_real, cache.num_readable
        is_prefix = None if is_prefix is None else cache.packed(is_prefix, slots)
        attention = "causal" if continues else attention  # the prefix is behind: a target sees all of it

    is_fused = fuses(features, num_tokens, num_keys)
    sees_all = attention == "causal" and num_tokens == 1 and real_keys is None
    if sees_all and cache is not None:
        bias = AttentionBias(None, False, is_fused)
    elif is_fused and attention == "causal" and real_keys is None and cache is None and pair_bias is None:
        bias = AttentionBias(None, True, True)
    else:
        mask = attention_mask(
            attention, num_keys, is_real=real_keys, is_prefix=is_prefix, query_slots=slots, device=features.device
        )
        bias = AttentionBias(_with_pairs(mask, pair_bias, product_dtype(features)), False, is_fused)
    turn = None
    if turning is not None:
        if positions is None:
            positions = count_real(num_tokens, is_real, features.device) if slots is None else slots
        turn = rotary(positions, turning.head_dim, turning.base)
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():
            turn = written_out(turn, turning.num_heads)
        elif is_plain(features):
            turn = Rotary(*(part.to(product_dtype(features)) for part in turn))
    return AttentionContext(bias, turn, cache, is_real)


def _with_pairs(mask: Tensor | None, pair_bias: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Return what is added to the scores: who is seen, and what pairs of tokens say of themselves."""
    bias = as_bias(mask, dtype)
    if pair_bias is None:
        return bias
    return pair_bias.to(dtype) if bias is None else bias + pair_bias.to(dtype)


def fuses(features: Tensor, num_queries: int, num_keys: int) -> bool:
    """Say whether torch's fused attention is the faster one for tensors of this kind."""
    if features.device.type != "cpu":
        return True
    is_bfloat16 = product_dtype(features) == torch.bfloat16
    if num_queries == 1:
        return is_bfloat16
    return not is_bfloat16 or num_queries * num_keys > MANUAL_SCORES


def check_prefix(attention: Attention, is_prefix: Tensor | None, continues: bool) -> None:
    """Raise ValueError for a prefix that is not wanted, or comes after the first chunk of a cache."""
    if is_prefix is not None and (attention != "prefix" or continues):
        raise ValueError("is_prefix belongs to attention 'prefix', and to the first chunk of a cache")
    if attention == "full" and continues:
        raise ValueError("attention 'full' takes everything in one chunk: later tokens change earlier features")
