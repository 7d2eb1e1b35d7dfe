"""Which n-grams stand in a text, for a linear model: of tokens, and of characters where the text is read by them too.

Source: Wang and Manning 2012, "Baselines and Bigrams", https://aclanthology.org/P12-2018.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from noria.contract.capabilities import IDS
from noria.modalities.text.embedder import FACTOR, PRIME
from noria.types import PAD, Features

CHARACTERS = "characters"
# Of each reading the longest n-gram and the features that n-grams share by a hash. Smaller ones cost accuracy on SST-2,
# larger ones brought none.
TOKENS, RUNS = (2, 2**16), (6, 2**17)
LONGER = 3  # of tokens alone


class TextVectorizer(nn.Module):
    """`ids`, and with characters `characters`, int[B, T] with PAD -> Features: one for each n-gram, however often."""

    is_counts = True

    def __init__(self, has_characters: bool) -> None:
        super().__init__()
        longest, size = TOKENS
        self.readings = {IDS: (longest if has_characters else LONGER, size)}
        if has_characters:
            self.readings[CHARACTERS] = RUNS
        self.size = self.plain = sum(size for _, size in self.readings.values())

    def forward(self, arrays: dict[str, Tensor]) -> Features:
        parts: list[Tensor] = []
        start = 0
        for name, (longest, size) in self.readings.items():
            found = _ngrams(arrays[name].long(), longest, size)
            parts.append(torch.where(found < 0, -1, found + start))
            start += size
        ids = torch.cat(parts, 1).sort(1).values
        is_new = ids >= 0
        is_new[:, 1:] &= ids[:, 1:] != ids[:, :-1]
        return Features(ids.clamp_min(0), is_new.float())


def _ngrams(ids: Tensor, longest: int, size: int) -> Tensor:
    """Return int[B, T * longest]: which feature each n-gram is that ends in a token; -1 where there is none."""
    before, key, is_whole = ids, ids + 1, ids != PAD
    found = []
    for length in range(longest):
        if length:
            before = torch.cat((torch.full_like(ids[:, :1], PAD), before[:, :-1]), 1)
            is_whole = is_whole & (before != PAD)
            key = (key * FACTOR + before + 1) % PRIME
        found.append(torch.where(is_whole, (key * FACTOR + length) % PRIME % size, -1))
    return torch.cat(found, 1)
