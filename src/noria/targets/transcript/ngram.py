"""An n-gram model of the words of training transcripts: how likely a word follows those before it.

Each order is mixed with the lower one by how many different words have followed (Witten and Bell 1991), the lowest with
an equal chance for every word of the lexicon, so that one which training has not shown can still be said.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from noria.types import State

EDGE = ""  # stands before the first word and after the last


class Ngram:
    """How likely words follow one another, from what `learn_ngram` returns. `size`: how many words there are."""

    def __init__(self, state: State, size: int) -> None:
        self.order: int = state["order"]
        self.counts = {tuple(words): count for words, count in state["counts"]}
        self._size = size + 1  # and the end
        self._total: Counter[tuple[str, ...]] = Counter()
        self._kinds: Counter[tuple[str, ...]] = Counter()
        for words, count in self.counts.items():
            self._total[words[:-1]] += count
            self._kinds[words[:-1]] += 1
        self._known: dict[tuple[str, ...], float] = {}

    def log_prob(self, before: Sequence[str], word: str) -> float:
        """Return the natural logarithm of the chance of a word after others, the last of which count."""
        words = (*before[max(0, len(before) - self.order + 1) :], word)
        if words not in self._known:
            self._known[words] = math.log(self._chance(words))
        return self._known[words]

    def _chance(self, words: tuple[str, ...]) -> float:
        context = words[:-1]
        lower = self._chance(words[1:]) if context else 1 / self._size
        total, kinds = self._total[context], self._kinds[context]
        return lower if not total else (self.counts.get(words, 0) + kinds * lower) / (total + kinds)


def learn_ngram(sentences: Sequence[Sequence[str]], order: int) -> State:
    """Return how often runs of up to `order` words stand in sentences, JSON."""
    counts: Counter[tuple[str, ...]] = Counter()
    for sentence in sentences:
        words = [EDGE, *sentence, EDGE]
        for length in range(1, order + 1):
            starts = range(1 if length == 1 else 0, len(words) - length + 1)
            counts.update(tuple(words[start : start + length]) for start in starts)
    return {"order": order, "counts": [[list(words), count] for words, count in sorted(counts.items())]}
