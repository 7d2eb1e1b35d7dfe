"""The blocks of Llama and its kin in a few lines, under the names of their checkpoints: faster than the general way.

    x + attention(norm x), x + mlp(norm x), each norm with gains; rotary positions, grouped-query attention, SwiGLU

Of the cache, the masks and the angles it uses those of our own trunk. Knows no vocabulary. Source: Touvron et al. 2023,
"Llama 2", https://arxiv.org/abs/2307.09288. Read next: ../layers/attention_context.py; trunk.py, for other kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from noria.model.blocks.attention import attend
from noria.model.layers.attention_context import AttentionContext, attention_context
from noria.model.layers.cache import KeyValueCache
from noria.model.layers.linear import joined
from noria.model.layers.positions import RotarySettings, rotate
from noria.types import Tokens

KINDS = ("llama", "mistral", "qwen2")  # of model_type, in which the blocks differ by nothing but biases


def is_llama(config: Mapping[str, Any]) -> bool:
    """Say whether these blocks are those of a checkpoint, by its config.json."""
    if config["model_type"] not in KINDS:
        return False
    width, heads, rope = config["hidden_size"], config["num_attention_heads"], config.get("rope_parameters") or {}
    return (
        (config.get("head_dim") or width // heads) * heads == width
        and config["hidden_act"] == "silu"
        and rope.get("rope_type", "default") == "default"
        and rope.get("partial_rotary_factor", 1.0) == 1.0
        and not config.get("attention_dropout")
        and (config.get("sliding_window") is None or config.get("use_sliding_window") is False)
    )


class LlamaBlocks(nn.Module):
    """Mix tokens [B, T, width] -> [B, T, width]; each sees those before it. Weights are named as in `LlamaModel`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        rope = config.get("rope_parameters") or {}
        heads, self.kv_heads = _heads(config)
        head_dim = config["hidden_size"] // heads
        self.turning = RotarySettings(rope.get("rope_theta", 10_000.0), head_dim, heads + self.kv_heads)
        self.layers = nn.ModuleList(_Layer(config, index) for index in range(config["num_hidden_layers"]))
        self.norm = _Norm(config)

    def forward(self, tokens: Tokens, cache: KeyValueCache | None = None) -> Tensor:
        """Return features float[B, T, D]; padding may stand anywhere, as in our own trunk."""
        context = attention_context(self.turning, tokens, "causal", None, cache)
        x = tokens.features
        if tokens.is_real is not None:
            x = x.masked_fill(~tokens.is_real[:, :, None], 0.0)
        for layer in self.layers:
            x = layer(x, context)
        normed: Tensor = self.norm(x)
        return normed

    def join(self) -> None:
        """Make one product of those that read the same tokens. For answering: the weights lose their names."""
        for layer in self.layers:
            layer.self_attn.join()  # type: ignore[operator, union-attr]

    def new_cache(self, batch_size: int, capacity: int) -> KeyValueCache:
        """Return an empty cache for rows of up to `capacity` real tokens, of the weights' type."""
        weight = self.norm.weight
        kind = weight.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
        shape = (batch_size, self.kv_heads, capacity, self.turning.head_dim)
        return KeyValueCache(len(self.layers), shape, dtype, weight.device)


def _heads(config: Mapping[str, Any]) -> tuple[int, int]:
    """Return the heads of queries, and those of keys and values."""
    heads: int = config["num_attention_heads"]
    return heads, config["num_key_value_heads"] or heads


class _Norm(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config["hidden_size"]))
        self.epsilon = config["rms_norm_eps"]

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = F.rms_norm(x, self.weight.shape, self.weight, self.epsilon)
        return normed


class _Layer(nn.Module):
    def __init__(self, config: Mapping[str, Any], index: int) -> None:
        super().__init__()
        self.input_layernorm = _Norm(config)
        self.self_attn = LlamaAttention(config, index)
        self.post_attention_layernorm = _Norm(config)
        self.mlp = _Mlp(config)

    def forward(self, x: Tensor, context: AttentionContext) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), context)
        x = x + self.mlp(self.post_attention_layernorm(x))
        return x


class LlamaAttention(nn.Module):
    """Grouped-query attention: kv_heads heads of keys and values, each shared by heads / kv_heads query heads.

    kv_heads 4 (multi-head)    2 (grouped-query)    1 (multi-query)
           k  k  k  k            k     k                 k
           q  q  q  q           q q   q q             q q q q
    """

    def __init__(self, config: Mapping[str, Any], index: int) -> None:
        super().__init__()
        width, self.index = config["hidden_size"], index
        self.heads, self.kv_heads = _heads(config)
        self.head_dim = width // self.heads
        kv_width = self.kv_heads * self.head_dim
        has_bias = config["model_type"] == "qwen2" or bool(config.get("attention_bias"))
        self.q_proj = nn.Linear(width, width, bias=has_bias)
        self.k_proj = nn.Linear(width, kv_width, bias=has_bias)
        self.v_proj = nn.Linear(width, kv_width, bias=has_bias)
        self.o_proj = nn.Linear(width, width, bias=bool(config.get("attention_bias")))
        self.qkv_proj: nn.Module | None = None

    def join(self) -> None:
        """Make one layer of the three that read the same tokens."""
        self.qkv_proj = joined([self.q_proj, self.k_proj, self.v_proj])
        del self.q_proj, self.k_proj, self.v_proj

    def forward(self, x: Tensor, context: AttentionContext) -> Tensor:
        assert context.rotary is not None
        if self.qkv_proj is None:
            qkv = torch.cat((self.q_proj(x), self.k_proj(x), self.v_proj(x)), -1)
        else:
            qkv = self.qkv_proj(x)
        qk, v = qkv.view(*qkv.shape[:2], -1, self.head_dim).tensor_split((self.heads + self.kv_heads,), 2)
        qk, v = rotate(qk, context.rotary).transpose(1, 2), v.transpose(1, 2)
        q, k = qk[:, : self.heads] * self.head_dim**-0.5, qk[:, self.heads :]
        if context.cache is not None:
            k, v = context.cache.append(self.index, k, v)
        said: Tensor = self.o_proj(attend(q, k, v, context.bias).transpose(1, 2).flatten(2))
        return said


class _Mlp(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        width, hidden, has_bias = config["hidden_size"], config["intermediate_size"], bool(config.get("mlp_bias"))
        self.gate_proj = nn.Linear(width, hidden, bias=has_bias)
        self.up_proj = nn.Linear(width, hidden, bias=has_bias)
        self.down_proj = nn.Linear(hidden, width, bias=has_bias)

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return said
