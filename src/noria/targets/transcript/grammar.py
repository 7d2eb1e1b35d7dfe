"""Which units may follow one another in an answer, and how likely: anything, or the words of a lexicon.

The search asks a grammar alone, and so knows no words. Read next: beam.py, ngram.py.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from noria.targets.transcript.ngram import EDGE, Ngram


class Move(NamedTuple):
    """A unit that may come next: the state after it, its log-probability, and the word that has ended before it."""

    unit: int
    state: Hashable
    score: float = 0.0
    word: str | None = None


class Ending(NamedTuple):
    """An answer may end here: the log-probability of that, and the word that ends with it."""

    score: float = 0.0
    word: str | None = None


class Grammar(Protocol):
    """What may be said."""

    @property
    def start(self) -> Hashable:
        """The state before anything is said."""

    def moves(self, state: Hashable, units: Iterable[int]) -> Iterator[Move]:
        """Yield those of the units that may come next."""

    def ending(self, state: Hashable) -> Ending | None:
        """Return how an answer ends in this state; None where it cannot."""


class AnyUnits:
    """Every unit may follow every other, as likely as an n-gram model of their names says; without one as likely."""

    def __init__(self, names: Sequence[str], ngram: Ngram | None = None, weight: float = 0.0) -> None:
        self._names, self._ngram, self._weight = names, ngram, weight
        self.start: tuple[str, ...] | None = None if ngram is None else (EDGE,)

    def moves(self, state: Hashable, units: Iterable[int]) -> Iterator[Move]:
        if self._ngram is None:
            yield from (Move(unit, None) for unit in units)
            return
        assert isinstance(state, tuple)
        kept = max(1, self._ngram.order - 1)
        for unit in units:
            score = self._weight * self._ngram.log_prob(state, self._names[unit])
            yield Move(unit, (*state, self._names[unit])[-kept:], score)

    def ending(self, state: Hashable) -> Ending | None:
        if self._ngram is None:
            return Ending()
        assert isinstance(state, tuple)
        return Ending(self._weight * self._ngram.log_prob(state, EDGE))


@dataclass
class _Node:
    """A place in the trie of words: the nodes after it by unit, and the words that end here."""

    children: dict[int, int] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)


class WordState(NamedTuple):
    """Where in the trie an answer is, and the words before the one that is being said."""

    node: int
    before: tuple[str, ...]


class Lexicon:
    """Words of a lexicon, one after another, as likely as an n-gram model says; without one each as likely.

    words: how each is said, as unit ids; several may be said alike. separator: the unit between words, if there is one.
    weight: of the n-gram's log-probabilities beside those of the sound.
    """

    def __init__(
        self, words: Mapping[str, Sequence[int]], separator: int | None, ngram: Ngram | None, weight: float
    ) -> None:
        self._nodes = [_Node()]
        self._separator, self._ngram, self._weight = separator, ngram, weight
        self._plain = -math.log(len(words) + 1)
        for word, ids in words.items():
            self._add(word, ids)
        self.start = WordState(0, (EDGE,))

    def moves(self, state: Hashable, units: Iterable[int]) -> Iterator[Move]:
        assert isinstance(state, WordState)
        node = self._nodes[state.node]
        ended = self._ended(state) if node.words else None
        for unit in units:
            if (child := node.children.get(unit)) is not None:
                yield Move(unit, WordState(child, state.before))
            if ended is None:
                continue
            word, score = ended
            before = self._after(state.before, word)
            if unit == self._separator:
                yield Move(unit, WordState(0, before), score, word)
            elif self._separator is None and (child := self._nodes[0].children.get(unit)) is not None:
                yield Move(unit, WordState(child, before), score, word)

    def ending(self, state: Hashable) -> Ending | None:
        assert isinstance(state, WordState)
        if self._nodes[state.node].words:
            word, score = self._ended(state)
            return Ending(score + self._log_prob(self._after(state.before, word), EDGE), word)
        return Ending(self._log_prob(state.before, EDGE)) if state.node == 0 and len(state.before) == 1 else None

    def _add(self, word: str, ids: Sequence[int]) -> None:
        place = 0
        for unit in ids:
            if unit not in self._nodes[place].children:
                self._nodes[place].children[unit] = len(self._nodes)
                self._nodes.append(_Node())
            place = self._nodes[place].children[unit]
        if place:
            self._nodes[place].words.append(word)

    def _ended(self, state: WordState) -> tuple[str, float]:
        """Return the likeliest of the words that end here, which are said alike, and its log-probability."""
        words = self._nodes[state.node].words
        scores = [self._log_prob(state.before, word) for word in words]
        best = max(range(len(words)), key=lambda index: scores[index])
        return words[best], scores[best]

    def _log_prob(self, before: tuple[str, ...], word: str) -> float:
        plain = self._plain if self._ngram is None else self._ngram.log_prob(before, word)
        return self._weight * plain

    def _after(self, before: tuple[str, ...], word: str) -> tuple[str, ...]:
        kept = 1 if self._ngram is None else max(1, self._ngram.order - 1)
        return (*before, word)[-kept:]
