"""Texts that are read whole: vectors for runs of several tokens, and two readings, by tokens and by characters.

A text that is read token by token has the embedder of model/token_embedder.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from noria.contract.capabilities import IDS
from noria.model.heads import pooled
from noria.model.token_embedder import TextEmbedder
from noria.types import PAD, Tokens

GRAMS = 2**15  # rows of a table of pairs, of triples, ...
USUAL_LENGTH = 64  # of a reading whose vector is the plain mean
FACTOR, PRIME = 1_000_003, 2**31 - 1  # of their hash; a product of the two fits into 64 bits


class GramEmbedder(nn.Module):
    """Add to each token's vector those of the pairs, triples, ... of tokens that end in it, up to `longest` tokens.

    A gram has one of GRAMS rows, by a hash of its ids: some share a row. For texts that are read whole, as a token
    alone does not tell what stands before it. Source: Joulin et al. 2016, "Bag of Tricks",
    https://arxiv.org/abs/1607.01759.
    """

    def __init__(self, vocabulary: int, width: int, longest: int) -> None:
        super().__init__()
        self.words = TextEmbedder(vocabulary, width, reach=0)
        self.grams = nn.ModuleList(nn.Embedding(GRAMS, width) for _ in range(longest - 1))
        for table in self.grams:
            nn.init.zeros_(table.weight)  # type: ignore[arg-type]
        self.width = width

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        tokens: Tokens = self.words(arrays)
        ids = arrays[IDS].long()
        before, key, features = ids, ids, tokens.features
        is_whole = ids != PAD
        for table in self.grams:
            before = torch.cat((torch.full_like(ids[:, :1], PAD), before[:, :-1]), 1)
            is_whole = is_whole & (before != PAD)
            key = (key * FACTOR + before + 1) % PRIME
            features = features + table(key % GRAMS) * is_whole[:, :, None]
        return tokens._replace(features=features)


class TwoReadings(nn.Module):
    """Read `ids` and `characters`, int[B, T] each, PAD where a row has ended -> Tokens [B, 2, width], a reading's mean.

    A head that votes teaches each reading for itself. Two that err in other places are then right together where one
    that holds all of their vectors is not: LOG.md has the figures. The mean is multiplied by the root of the length, so
    that a long text, which says more, may be answered more surely than a short one; vectors of counts that are brought
    to length one have that, too.
    """

    def __init__(self, tokens: GramEmbedder, characters: GramEmbedder) -> None:
        super().__init__()
        self.tokens, self.characters = tokens, characters
        self.width = tokens.width

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        by_tokens, by_characters = _read(self.tokens, arrays[IDS]), _read(self.characters, arrays["characters"])
        return Tokens(torch.stack((by_tokens, by_characters), 1))


def _read(embed: GramEmbedder, ids: Tensor) -> Tensor:
    length = (ids != PAD).sum(1, keepdim=True)
    return pooled(embed({IDS: ids})) * (length / USUAL_LENGTH) ** 0.5
