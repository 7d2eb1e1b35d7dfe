"""The words of an answer: where each stands in the text, when it is said, and how sure its units are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from noria.targets.transcript.beam import Found
from noria.text.scripts import is_unspaced
from noria.text.units import Units
from noria.text.words import word_extents


class Spoken(NamedTuple):
    """A text and its words: places int64[W, 4], each first frame, end, first character, end; sure float64[W, 2].

    sure: the mean and the least of the log-probabilities of a word's units.
    """

    text: str
    places: np.ndarray
    sure: np.ndarray


def spoken(found: Found, units: Units) -> Spoken:
    """Return the text of an answer with its words: those of the lexicon, or what the text itself says are words."""
    ids = [int(one) for one in found.ids]
    pieces = units.pieces(ids) if found.words is None else _lexicon_pieces(found.words, ids, units)
    text, owners = _written(pieces)
    extents = word_extents(text) if found.words is None else _runs(text, owners)
    places, sure = [], []
    for start, stop in extents:
        first, last = owners[start], owners[stop - 1]
        end = next((index for index in range(last + 1, len(ids)) if pieces[index]), len(ids))
        log_probs = found.log_probs[first:end]
        places.append((found.frames[first, 0], found.frames[end - 1, 1], start, stop))
        sure.append((log_probs.mean(), log_probs.min()))
    return Spoken(text, np.array(places, np.int64).reshape(-1, 4), np.array(sure, np.float64).reshape(-1, 2))


def _written(pieces: Sequence[str]) -> tuple[str, list[int]]:
    """Return the text of pieces, runs of spaces as one and none at its ends, and which piece each character is of."""
    signs = [(sign, owner) for owner, piece in enumerate(pieces) for sign in piece]
    kept = [
        (" " if sign.isspace() else sign, owner)
        for index, (sign, owner) in enumerate(signs)
        if not (sign.isspace() and (index == 0 or signs[index - 1][0].isspace()))
    ]
    while kept and kept[-1][0] == " ":
        kept.pop()
    return "".join(sign for sign, _ in kept), [owner for _, owner in kept]


def _lexicon_pieces(words: Sequence[tuple[int, int, str]], ids: Sequence[int], units: Units) -> list[str]:
    """Return the pieces of a lexicon's words: each is of its first unit, a space of the separator before it."""
    pieces = [""] * len(ids)
    previous = ""
    for first, _, word in words:
        if ids[first] == units.separator:
            pieces[first], pieces[first + 1] = " ", word
        else:
            is_joined = bool(previous) and (is_unspaced(previous[-1]) or is_unspaced(word[0]))
            pieces[first] = word if is_joined else f" {word}"
        previous = word
    return pieces


def _runs(text: str, owners: Sequence[int]) -> list[tuple[int, int]]:
    """Return where the words of a lexicon stand in a text: what is of one unit, but for a space before it."""
    found: list[tuple[int, int]] = []
    for place, (sign, owner) in enumerate(zip(text, owners, strict=True)):
        if found and owners[found[-1][0]] == owner:
            found[-1] = (found[-1][0], place + 1)
        elif not sign.isspace():
            found.append((place, place + 1))
    return found
