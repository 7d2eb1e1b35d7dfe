"""Errors of transcripts: the fewest insertions, deletions and substitutions that make one sequence of another.

A rate is the sum of edits over the sum of true lengths, so that long records count for more: word and character error
rates as they are published. A rate may be above 1. Records without a true sequence count with their insertions.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from noria.contract import Metric
from noria.text.normaliser import MEANINGS, Normaliser, normalised
from noria.text.words import words_of
from noria.types import Arrays

Sequences = Callable[[Arrays], Sequence[Sequence[Hashable]]]


def num_edits(given: Sequence[Hashable], true: Sequence[Hashable]) -> int:
    """Return the Levenshtein distance of two sequences (Myers 1999, as Hyyro 2003: a column is two numbers)."""
    if not true:
        return len(given)
    places: dict[Hashable, int] = {}
    for index, one in enumerate(true):
        places[one] = places.get(one, 0) | 1 << index
    mask, last = (1 << len(true)) - 1, 1 << len(true) - 1
    plus, minus, distance = mask, 0, len(true)
    for one in given:
        equal = places.get(one, 0)
        diagonal = (((equal & plus) + plus) ^ plus) | equal | minus
        up, down = minus | (~(diagonal | plus) & mask), plus & diagonal
        distance += bool(up & last) - bool(down & last)
        up, down = (up << 1 | 1) & mask, down << 1 & mask
        plus, minus = down | (~(diagonal | up) & mask), up & diagonal
    return distance


def aligned(given: Sequence[Hashable], true: Sequence[Hashable]) -> list[tuple[int | None, int | None]]:
    """Return pairs of places of the fewest edits: (given, true), None for the side that lacks one."""
    table = np.zeros((len(given) + 1, len(true) + 1), np.int64)
    table[:, 0], table[0] = np.arange(len(given) + 1), np.arange(len(true) + 1)
    for i, one in enumerate(given, 1):
        for j, other in enumerate(true, 1):
            change = table[i - 1, j - 1] + (one != other)
            table[i, j] = min(change, table[i - 1, j] + 1, table[i, j - 1] + 1)
    pairs: list[tuple[int | None, int | None]] = []
    i, j = len(given), len(true)
    while i or j:
        if i and j and table[i, j] == table[i - 1, j - 1] + (given[i - 1] != true[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and table[i, j] == table[i - 1, j] + 1:
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    return pairs[::-1]


def error_rate(name: str, unit: str, array: str, sequences: Sequences) -> Metric:
    """Return a rate of errors as a metric. `sequences` makes those of output and truth from their arrays, from `array`
    for one; where the output lacks that the rate is NaN."""
    known: list[tuple[Arrays, Arrays, np.ndarray]] = []  # of the last output and truth: resamples ask many times

    def counts(output: Arrays, truth: Arrays) -> np.ndarray | None:
        if array not in output:  # in a validation within training nothing is written
            return None
        if not known or known[0][0] is not output or known[0][1] is not truth:
            pairs = list(zip(sequences(output), sequences(truth), strict=True))
            table = np.array([(num_edits(one, other), len(other)) for one, other in pairs], np.float64)
            known[:] = [(output, truth, table.reshape(-1, 2))]
        return known[0][2]

    def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        table = counts(output, truth)
        if table is None:
            return np.full(len(weights), np.nan)
        edits, lengths = (weights.astype(np.float64) @ table).T
        return np.asarray(np.divide(edits, lengths, out=np.full(len(weights), np.nan), where=lengths > 0))

    return Metric(name, unit, "lower", value)


def text_error_rates(normaliser: Normaliser, array: str) -> tuple[Metric, Metric]:
    """Return word and character error rate of the array of texts, Ragged UTF-8, after the normaliser.

    Of a script without spaces every sign is a word. Spaces are no characters.
    """

    def texts(arrays: Arrays) -> list[str]:
        return [normalised(text, normaliser) for text in arrays[array].texts()]

    def words(arrays: Arrays) -> list[list[str]]:
        return [words_of(text) for text in texts(arrays)]

    def characters(arrays: Arrays) -> list[str]:
        return [text.replace(" ", "") for text in texts(arrays)]

    said = MEANINGS[normaliser]
    wer = error_rate("wer", f"errors per word, {said}", array, words)
    return wer, error_rate("cer", f"errors per character, {said}", array, characters)
