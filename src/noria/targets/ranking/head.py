"""The head of a ranking: a vector of the history against one of each item, and how popular the item is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from noria.modalities.items.catalogue import ITEM, Catalogue
from noria.modalities.items.embedder import AttributeTable
from noria.types import Output, Tokens


class ScoresItems(nn.Module):
    """Tokens -> `scores` float[B, N] by the last token, or the first. In training `vectors` float[B, T, width] of all
    tokens, and what they are held against: `table` float[N, width], `bias` float[N].

    Items that no training history has are scored by their attributes alone, and start as the least popular.
    """

    is_known: Tensor

    def __init__(self, catalogue: Catalogue, width: int, reads_last: bool) -> None:
        super().__init__()
        self.reads_last = reads_last
        self.items = nn.Embedding(catalogue.size, width)
        nn.init.normal_(self.items.weight, std=0.5 * width**-0.5)
        self.attributes = AttributeTable(catalogue, width) if catalogue.attributes(ITEM) else None
        popularity = torch.from_numpy(catalogue.popularity)
        self.bias = nn.Parameter(popularity.clamp_min(1).double().log().float() - popularity.sum().clamp_min(1).log())
        self.register_buffer("is_known", popularity > 0, persistent=False)

    def forward(self, tokens: Tokens) -> Output:
        table = self.items.weight * self.is_known[:, None]
        if self.attributes is not None:
            table = table + self.attributes(torch.arange(len(table), device=table.device))
        if self.training:
            return {"vectors": tokens.features, "table": table, "bias": self.bias}
        vectors = tokens.features[:, 0]
        if self.reads_last:
            last = tokens.features.shape[1] - 1
            if tokens.is_real is not None:
                places = torch.arange(tokens.features.shape[1], device=table.device)
                last = (tokens.is_real * places).argmax(1)
            vectors = tokens.features[torch.arange(len(vectors), device=table.device), last]
        return {"scores": vectors.float() @ table.float().T + self.bias.float()}
