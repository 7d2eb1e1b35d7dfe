"""Which token may look at which: one function makes the trunk an encoder, a decoder or both in one stream.

Knows no heads, no features and no cache; it sees only which keys are real, which are prefix, and where the queries
stand. Read next: attention_context.py, cache.py.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noria.contract import Attention


def attention_mask(
    attention: Attention,
    num_keys: int,
    *,
    is_real: Tensor | None = None,
    is_prefix: Tensor | None = None,
    query_slots: Tensor | None = None,
    device: torch.device | None = None,
) -> Tensor | None:
    """Return bool[B or 1, 1, Tq or 1, Tk], True where a query sees a key; None when all see all.

    Row: who looks. Column: what is seen. P is prefix, t is target, x sees, . does not.

        full      A B C      causal    A B C      prefix    P P t t      padded (.. is no token), causal
        (BERT)  A x x x      (GPT)   A x . .              P x x . .                A  B ..
                B x x x              B x x .              P x x . .             A  x  .  .
                C x x x              C x x x              t x x x .             B  x  x  .
                                                          t x x x x            ..  x  x  .

    All three are one rule: a key is seen if it is real, and either prefix, or not later than a query that is target
    itself. Prefix never looks at targets, so no answer leaks backwards wherever the prefix stands in the row.

        chunk: two new queries against five keys, three of them cached (query_slots = [3, 4])

                  0 1 2 3 4
                3 x x x x .
                4 x x x x x

    is_real      bool[B, Tk], None when every key is real
    is_prefix    bool[B, Tk], read for `prefix` alone
    query_slots  int[B or 1, Tq], the key index of each query itself; None when queries and keys are the same tokens

    A query with nothing to see (a row of padding) sees everything: softmax over nothing is NaN, and nobody reads it.
    """
    if attention == "full" and is_real is None:
        return None
    keys = torch.arange(num_keys, device=device)[None]  # [1, Tk]
    slots = keys if query_slots is None else query_slots
    if attention == "full":
        visible = torch.ones_like(keys, dtype=torch.bool)[:, None]  # [1, 1, Tk]
    else:
        visible = keys[:, None, :] <= slots[:, :, None]  # [B or 1, Tq, Tk]
    if attention == "prefix":
        if is_prefix is None:
            raise ValueError("attention 'prefix' needs is_prefix")
        asks_as_prefix = is_prefix
        if query_slots is not None:  # padding has a slot past the last key
            asks_as_prefix = is_prefix.gather(1, query_slots.clamp(max=num_keys - 1).expand(len(is_prefix), -1))
        visible = is_prefix[:, None, :] | (visible & ~asks_as_prefix[:, :, None])
    if is_real is not None:
        visible = visible & is_real[:, None, :]
        visible = visible | ~visible.any(dim=-1, keepdim=True)
    return visible[:, None]


def as_bias(mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Return what is added to scores: 0 where seen, minus infinity elsewhere."""
    return None if mask is None else torch.where(mask, 0.0, float("-inf")).to(dtype)
