"""From token ids to tokens: one vector for each entry of the vocabulary, and for runs of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from noria.model.heads import pooled
from noria.types import PAD, Tokens

GRAMS = 2**15  # rows of a table of pairs, of triples, ...
USUAL_LENGTH = 64  # of a reading whose vector is the plain mean
FACTOR, PRIME = 1_000_003, 2**31 - 1  # of their hash; a product of the two fits into 64 bits


REACH = 2  # tokens that an embedder of our own looks back


def text_embedder(state: Mapping[str, Any], width: int) -> TextEmbedder:
    """Return the embedder of a state {"vocabulary", "kind", ...}; a checkpoint's own looks at no other token."""
    return TextEmbedder(state["vocabulary"], width, 0 if state["kind"] == "pretrained" else REACH)


class TextEmbedder(nn.Module):
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

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        ids = arrays["ids"].long()
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
            return own.new_zeros(len(own), self.reach, self.width)
        before = arrays["before"].long()
        earlier: Tensor = self.table(before.clamp_min(0))
        return earlier.masked_fill((before == PAD)[:, :, None], 0.0)


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
        ids = arrays["ids"].long()
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
    that holds all of their vectors is not; the figures are in docs/log/2026-11-25-text-features.md. The mean is
    multiplied by the root of the length, so that a long text, which says more, may be answered more surely than a short
    one; vectors of counts that are brought to length one have that, too.
    """

    def __init__(self, tokens: GramEmbedder, characters: GramEmbedder) -> None:
        super().__init__()
        self.tokens, self.characters = tokens, characters
        self.width = tokens.width

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        by_tokens, by_characters = _read(self.tokens, arrays["ids"]), _read(self.characters, arrays["characters"])
        return Tokens(torch.stack((by_tokens, by_characters), 1))


def _read(embed: GramEmbedder, ids: Tensor) -> Tensor:
    length = (ids != PAD).sum(1, keepdim=True)
    return pooled(embed({"ids": ids})) * (length / USUAL_LENGTH) ** 0.5
