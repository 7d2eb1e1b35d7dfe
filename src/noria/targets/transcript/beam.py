"""From log-probabilities a frame to units: the likeliest unit of each frame, or a beam over what a grammar allows.

The beam adds up all paths of CTC that spell the same units (Graves et al. 2006; Hannun et al. 2014, "First-Pass Large
Vocabulary Continuous Speech Recognition"): of each prefix it knows how likely it is with a blank last, and without.
Memory is that of the prefixes in the beam. Read next: grammar.py, alignment.py.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from noria.targets.transcript.alignment import BLANK
from noria.targets.transcript.grammar import Grammar, Move

MOST_UNITS = 16  # of a frame, the likeliest, are followed
LEAST_LOG_PROB = -9.0  # of a unit in a frame that is followed
IS_BLANK = math.log(0.9999)  # from here on a frame says nothing else


class Found(NamedTuple):
    """Units of an answer: ids int64[N], first frame and end of each int64[N, 2], log-probabilities there float64[N].

    words: (first unit, end, word) where a lexicon says which they are; None where it does not.
    """

    ids: np.ndarray
    frames: np.ndarray
    log_probs: np.ndarray
    words: list[tuple[int, int, str]] | None = None


def greedy(log_probs: np.ndarray) -> Found:
    """Return the units of the likeliest path: runs of the same unit are one, blanks are left out."""
    best = log_probs.argmax(1)
    starts = np.flatnonzero(np.diff(best, prepend=-1) != 0)
    ends = np.append(starts[1:], len(best))
    is_unit = best[starts] != BLANK
    starts, ends = starts[is_unit], ends[is_unit]
    ids = best[starts]
    sure = [log_probs[first:end, unit].max() for first, end, unit in zip(starts, ends, ids, strict=True)]
    return Found(ids, np.stack([starts, ends], 1), np.array(sure, np.float64))


@dataclass(eq=False)
class _Prefix:
    """Units so far, the last of them here; `frame` is where it was likeliest, `word` what ended before it."""

    unit: int
    state: Hashable
    score: float
    parent: _Prefix | None = None
    word: str | None = None
    frame: int = -1
    log_prob: float = -math.inf

    def followed(self, move: Move) -> _Prefix:
        return _Prefix(move.unit, move.state, self.score + move.score, self, move.word)

    def heard(self, frame: int, log_prob: float) -> None:
        if log_prob > self.log_prob:
            self.frame, self.log_prob = frame, log_prob


class _Beam(dict[_Prefix, list[float]]):
    """The log-probability of each prefix with a blank last, and with its unit last."""

    def add(self, prefix: _Prefix, place: int, log_prob: float) -> None:
        pair = self.setdefault(prefix, [-math.inf, -math.inf])
        pair[place] = _either(pair[place], log_prob)


def search(log_probs: np.ndarray, grammar: Grammar, width: int) -> Found | None:
    """Return the likeliest answer that a grammar allows, of `width` prefixes kept; None where it allows none."""
    beam = _Beam()
    beam.add(_Prefix(BLANK, grammar.start, 0.0), 0, 0.0)
    for frame, row in enumerate(log_probs):
        beam = _next(beam, frame, row, grammar)
        if len(beam) > width:
            kept = sorted(beam, key=lambda prefix: -_either(*beam[prefix]) - prefix.score)[:width]
            beam = _Beam({prefix: beam[prefix] for prefix in kept})
    best, last, top = None, None, -math.inf
    for prefix, pair in beam.items():
        ending = grammar.ending(prefix.state)
        if ending is not None and (score := _either(*pair) + prefix.score + ending.score) > top:
            best, last, top = prefix, ending.word, score
    return None if best is None else _found(best, last)


def _next(beam: _Beam, frame: int, row: np.ndarray, grammar: Grammar) -> _Beam:
    followed: list[int] = []
    if row[BLANK] < IS_BLANK:
        likely = np.argsort(-row, kind="stable")[:MOST_UNITS]
        followed = [int(unit) for unit in likely if unit != BLANK and row[unit] > LEAST_LOG_PROB]
    values = row.tolist()
    known = {(prefix.parent, prefix.unit, prefix.state): prefix for prefix in beam}
    after = _Beam()
    for prefix, (with_blank, with_unit) in beam.items():
        whole = _either(with_blank, with_unit)
        after.add(prefix, 0, whole + values[BLANK])
        if prefix.parent is not None:
            if with_unit > with_blank:
                prefix.heard(frame, values[prefix.unit])
            after.add(prefix, 1, with_unit + values[prefix.unit])
        for move in grammar.moves(prefix.state, followed):
            before = with_blank if move.unit == prefix.unit else whole
            if before > -math.inf:
                key = prefix, move.unit, move.state
                longer = known.setdefault(key, known.get(key) or prefix.followed(move))
                longer.heard(frame, values[move.unit])
                after.add(longer, 1, before + values[move.unit])
    return after


def _found(best: _Prefix, last: str | None) -> Found:
    chain: list[_Prefix] = []
    one: _Prefix | None = best
    while one is not None and one.parent is not None:
        chain.append(one)
        one = one.parent
    chain.reverse()
    frames = np.array([one.frame for one in chain], np.int64).reshape(-1)
    frames = np.maximum.accumulate(frames) if len(frames) else frames
    words: list[tuple[int, int, str]] = []
    first = 0
    for index, word in [*((index, one.word) for index, one in enumerate(chain)), (len(chain), last)]:
        if word is not None:
            words.append((first, index, word))
            first = index
    ids = np.array([one.unit for one in chain], np.int64)
    sure = np.array([one.log_prob for one in chain], np.float64)
    return Found(ids, np.stack([frames, frames + 1], 1), sure, words or None)


def _either(one: float, other: float) -> float:
    """Return the logarithm of the sum of two probabilities, by their logarithms."""
    high, low = (one, other) if one >= other else (other, one)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
