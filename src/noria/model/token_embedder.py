"""From token ids to tokens: one vector for each entry of the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from noria.contract.capabilities import IDS
from noria.model.vocabulary import EmbedsVocabulary
from noria.types import PAD, Tokens

REACH = 2  # tokens that an embedder of our own looks back


def text_embedder(state: Mapping[str, Any], width: int) -> TextEmbedder:
    """Return the embedder of a state {"vocabulary", "kind", ...}; a checkpoint's own looks at no other token."""
    return TextEmbedder(state["vocabulary"], width, 0 if state["kind"] == "pretrained" else REACH)


class TextEmbedder(nn.Module, EmbedsVocabulary):
    """`ids` int[B, T], PAD where a row has ended -> Tokens [B, T, width].

    A token's features also hold those of the `reach` tokens before it, scaled channel by channel; the scales start at
    zero. Blocks then know at once what stands together, instead of learning a head for it; the figures are in
    docs/log/2026-11-25-character-context.md. Where ids continue others, `before` int[B, reach] has the last of those.
    """

    def __init__(self, vocabulary: int, width: int, reach: int = REACH) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, width)
        self.before = nn.Parameter(torch.zeros(reach, width)) if reach else None
        self.width, self.reach = width, reach

    def get_input_embeddings(self) -> nn.Embedding:
        return self.table

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        ids = arrays[IDS].long()
        is_real = ids != PAD
        features: Tensor = self.table(ids.clamp_min(0))
        has_gaps = torch.compiler.is_compiling() or not bool(is_real.all())  # a compiler must not look into the data
        if self.before is not None:
            own = features.masked_fill(~is_real[:, :, None], 0.0) if has_gaps else features
            own = torch.cat((self._earlier(arrays, own), own), 1)
            for back, scale in enumerate(self.before, 1):
                features = features + scale * own[:, self.reach - back : own.shape[1] - back]
        return Tokens(features, is_real if has_gaps else None)

    def _earlier(self, arrays: dict[str, Tensor], own: Tensor) -> Tensor:
        if "before" not in arrays:
            return own.new_zeros(own.shape[0], self.reach, self.width)
        before = arrays["before"].long()
        earlier: Tensor = self.table(before.clamp_min(0))
        return earlier.masked_fill((before == PAD)[:, :, None], 0.0)
