"""How sure a word is: the log-probabilities of its units made a probability, by words of known truth where there are.

A network trained on little is far too sure. Two numbers of each word, the mean and the least of its units'
log-probabilities, go through a logistic regression fitted on held-out words (Platt 1999).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noria.metrics.edits import aligned
from noria.text.words import word_extents, words_of

LEAST_WORDS = 10  # right and wrong ones each, below which nothing is fitted
RIDGE = 0.01  # of the weights: they stay finite where right and wrong words are told apart without fail
STEPS = 50  # of Newton's method, which is there long before


def are_right(given: str, places: np.ndarray, true: str) -> list[bool]:
    """Say of each word of an answer, by its `places` int[W, 4], whether it stands in the truth where it should."""
    extents = word_extents(given)
    tokens, others = [given[first:end] for first, end in extents], words_of(true)
    pairs = aligned(tokens, others)
    right = {one for one, other in pairs if one is not None and other is not None and tokens[one] == others[other]}
    return [
        all(index in right for index, (first, end) in enumerate(extents) if start <= first and end <= stop)
        for _, _, start, stop in places.tolist()
    ]


def fitted(sure: np.ndarray, is_right: np.ndarray) -> list[float] | None:
    """Return the weights of mean and least log-probability and the bias; None where there are too few words.

    sure float[W, 2]; is_right bool[W].
    """
    if min(int(is_right.sum()), int((~is_right).sum())) < LEAST_WORDS:
        return None
    table = np.column_stack([sure, np.ones(len(sure))]).astype(np.float64)
    weights, ridge = np.zeros(3), np.diag([RIDGE, RIDGE, 0.0])
    for _ in range(STEPS):
        chance = _logistic(table @ weights)
        gradient = table.T @ (chance - is_right) + ridge @ weights
        curve = (table * (chance * (1 - chance))[:, None]).T @ table + ridge
        weights -= np.linalg.solve(curve + 1e-9 * np.eye(3), gradient)
    return [float(f"{one:.6g}") for one in weights]


def probabilities(sure: np.ndarray, weights: Sequence[float] | None) -> np.ndarray:
    """Return how likely each word is right, float64[W]; without weights the mean chance of its units."""
    if weights is None:
        return np.asarray(np.exp(np.minimum(sure[:, 0], 0.0)))
    return _logistic(np.column_stack([sure, np.ones(len(sure))]) @ np.asarray(weights))


def _logistic(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))
