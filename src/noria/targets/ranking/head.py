"""The head of a ranking: a vector of the history against one of each item, and how popular the item is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from noria.modalities.items.catalogue import ITEM, Catalogue
from noria.modalities.items.embedder import AttributeTable
from noria.types import Output, Tokens


class ScoresItems(nn.Module):
    """Tokens -> `scores` float[B, N] by the last token, or by all of them. In training `vectors` float[B, T, width] of
    each token, T = 1 of all, and what they are held against: `table` float[N, width], `bias` float[N].

    All are added up and divided by the root of their number: a long history may be answered more surely than a short
    one.

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
        self.has_cold = bool((popularity == 0).any())  # a product with a million rows takes longer than their scores

    def forward(self, tokens: Tokens) -> Output:
        table = self.items.weight
        if self.has_cold:
            table = table * self.is_known[:, None]
        if self.attributes is not None:
            table = table + self.attributes(torch.arange(len(table), device=table.device))
        is_real = tokens.features.new_ones(tokens.features.shape[:2]) if tokens.is_real is None else tokens.is_real
        if not self.reads_last:
            weights = is_real.float() / is_real.float().sum(1, keepdim=True).clamp_min(1).sqrt()
            vectors = (tokens.features.float() * weights[:, :, None]).sum(1, keepdim=True)
        elif self.training:
            vectors = tokens.features
        else:
            places = torch.arange(tokens.features.shape[1], device=table.device)
            last = (is_real * places).argmax(1)
            vectors = tokens.features[torch.arange(len(last), device=table.device), last][:, None]
        if self.training:
            return {"vectors": vectors, "table": table, "bias": self.bias}
        return {"scores": vectors[:, 0].float() @ table.float().T + self.bias.float()}
