"""From token ids to tokens: one vector for each entry of the vocabulary."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from noria.nouns import PAD, Tokens


class TextEmbedder(nn.Module):
    """`ids` int[B, T], PAD where a row has ended -> Tokens [B, T, width]."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, width)
        self.width = width

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        ids = arrays["ids"].long()
        is_real = ids != PAD
        features: Tensor = self.table(ids.clamp_min(0))
        is_known = torch.compiler.is_compiling() or not bool(is_real.all())  # a compiler must not look into the data
        return Tokens(features, is_real if is_known else None)
