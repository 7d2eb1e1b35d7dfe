"""The head of ratings: how much of each item somebody would make, on one scale that thresholds cut into the levels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.modalities.items.catalogue import ITEM, Catalogue
from noria.modalities.items.embedder import AttributeTable
from noria.types import Output, Tokens

EVEN = 0.5  # levels are alike in number at first: thresholds are the logits of their shares


class RatesItems(nn.Module):
    """Tokens -> `scores` float[B, N + 1] of all items, the last of one that is not known, and `cuts` float[B, L - 1].

    A rating is above level k with the logit score - cuts[k]. In training `vectors` float[B, width], the `table` float[N
    + 1, width] that they are held against, `bias` float[N + 1] and `cuts` float[L - 1].
    """

    is_known: Tensor

    def __init__(self, catalogue: Catalogue, width: int) -> None:
        super().__init__()
        size, levels = catalogue.size + 1, len(catalogue.levels)
        self.items = nn.Embedding(size, width)
        nn.init.normal_(self.items.weight, std=0.5 * width**-0.5)
        self.attributes = AttributeTable(catalogue, width) if catalogue.attributes(ITEM) else None
        self.bias = nn.Parameter(torch.zeros(size))
        self.user = nn.Linear(width, 1)
        shares = torch.from_numpy(np.arange(1, levels) / levels).float()
        self.cuts = nn.Parameter(torch.logit(shares))
        popularity = torch.from_numpy(catalogue.popularity)
        is_known = torch.cat([popularity > 0, torch.zeros(1, dtype=torch.bool)])
        self.register_buffer("is_known", is_known, persistent=False)

    def forward(self, tokens: Tokens) -> Output:
        table = self.items.weight * self.is_known[:, None]
        if self.attributes is not None:
            table = table + self.attributes(torch.arange(len(table), device=table.device))
        features = tokens.features.float()
        is_real = features.new_ones(features.shape[:2]) if tokens.is_real is None else tokens.is_real.float()
        vectors = (features * is_real[:, :, None]).sum(1) / is_real.sum(1, keepdim=True).clamp_min(1).sqrt()
        bias = self.bias * self.is_known
        if self.training:
            return {"vectors": vectors, "own": self.user(vectors), "table": table, "bias": bias, "cuts": self.cuts}
        scores = vectors @ table.float().T + bias + self.user(vectors)
        return {"scores": scores, "cuts": self.cuts.expand(len(scores), -1)}


def scores_of(output: Output, items: Tensor) -> Tensor:
    """Return float[B, A], the scores of these items, int[B, A] without PAD, from the output of training or of use."""
    if "scores" in output:
        return output["scores"].gather(1, items)
    found = torch.einsum("bw,baw->ba", output["vectors"], functional.embedding(items, output["table"]).float())
    return found + output["bias"][items] + output["own"]


def cuts_of(output: Output) -> Tensor:
    """Return float[B or 1, 1, L - 1], the thresholds."""
    cuts = output["cuts"]
    return cuts[:, None] if "scores" in output else cuts[None, None]
