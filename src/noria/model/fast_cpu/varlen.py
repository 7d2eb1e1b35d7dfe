"""BERT and its kin for answering: the tokens of a batch stand one after another, without padding between the rows.

    row 0  a b c          tokens  d e | a b c | f g h        products and norms: all tokens at once, [N, D]
    row 1  d e .          rows of one length stand together  attention: one call for each length, [n, length, D]
    row 2  f g h

Made of the layers of `transformers` when a model is packed; it has no weights to train. Source: Devlin et al. 2018,
https://arxiv.org/abs/1810.04805. Read next: varlen.py, model/blocks/attention.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from noria.model.blocks.attention import attend
from noria.model.fast_cpu.prepacked import PackedLinear
from noria.model.layers.attention_context import AttentionBias, fuses
from noria.model.layers.linear import joined

KINDS = ("bert", "roberta", "xlm-roberta", "camembert")  # of model_type, whose blocks are the same


def is_bert(config: Mapping[str, Any]) -> bool:
    """Say whether the blocks of a checkpoint are those of BERT, by its config.json."""
    return (
        config["model_type"] in KINDS
        and config["hidden_act"] == "gelu"
        and config.get("position_embedding_type") in (None, "absolute")
        and not config.get("is_decoder")
    )


class UnpaddedBert(nn.Module):
    """Mix tokens float[B, T, D], each of which sees all real ones of its row; what stands at padded places is zero."""

    places: Tensor

    def __init__(self, model: Any) -> None:
        super().__init__()
        places = model.embeddings.position_embeddings
        first = 0 if places.padding_idx is None else places.padding_idx + 1  # RoBERTa's begin after padding
        kind = model.embeddings.token_type_embeddings.weight[0]  # of a text that stands alone
        self.register_buffer("places", (places.weight[first:] + kind).detach())
        self.norm = model.embeddings.LayerNorm
        self.layers = nn.ModuleList(_Layer(layer, model.config.num_attention_heads) for layer in model.encoder.layer)

    def forward(self, features: Tensor, is_real: Tensor | None) -> Tensor:
        """Return the mixed features; padding may stand anywhere."""
        if is_real is None:
            is_real = features.new_ones(features.shape[:2], dtype=torch.bool)
        lengths, order = is_real.sum(1).sort(stable=True)
        rows, columns = is_real[order].nonzero(as_tuple=True)
        rows = order[rows]
        counted = is_real.cumsum(1)[rows, columns] - 1
        x = self.norm(features[rows, columns] + self.places[counted])
        found, counts = lengths[lengths > 0].unique_consecutive(return_counts=True)  # type: ignore[no-untyped-call]
        groups = list(zip(found.tolist(), counts.tolist(), strict=True))
        for layer in self.layers:
            x = layer(x, groups)
        mixed: Tensor = features.new_zeros(features.shape).index_put((rows, columns), x)
        return mixed


class _Layer(nn.Module):
    def __init__(self, layer: Any, heads: int) -> None:
        super().__init__()
        own, after = layer.attention.self, layer.attention.output
        self.heads = heads
        self.qkv = PackedLinear(joined([own.query, own.key, own.value]))
        self.out, self.out_norm = PackedLinear(after.dense), after.LayerNorm
        self.widen = PackedLinear(layer.intermediate.dense, "gelu")
        self.narrow, self.narrow_norm = PackedLinear(layer.output.dense), layer.output.LayerNorm

    def forward(self, x: Tensor, groups: list[tuple[int, int]]) -> Tensor:
        """Mix float[N, D], rows one after another; groups: the length of rows, and how many of them follow."""
        parts = self.qkv(x).split([length * count for length, count in groups])
        said = torch.cat([self._attended(part, length) for part, (length, _) in zip(parts, groups, strict=True)])
        x = self.out_norm(x + self.out(said))
        x = self.narrow_norm(x + self.narrow(self.widen(x)))
        return x

    def _attended(self, qkv: Tensor, length: int) -> Tensor:
        q, k, v = qkv.view(-1, length, 3, self.heads, qkv.shape[1] // (3 * self.heads)).permute(2, 0, 3, 1, 4)
        said = attend(q * q.shape[-1] ** -0.5, k, v, AttentionBias(None, False, fuses(qkv, length, length)))
        return said.transpose(1, 2).reshape(len(qkv), -1)
