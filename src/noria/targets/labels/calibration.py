"""From logits to probabilities that hold, and to answers: a line and a threshold a label, chosen on held-out answers.

Source of the line: Platt 1999, "Probabilistic outputs for support vector machines". Few records move it little.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

LEAST_OF_KIND = 10  # held-out records of yes and of no, below which a label keeps its logits and an even threshold
PRIOR = 2.0  # how much a line costs that is not the identity, in nats
EVEN = 0.5


def platt(logits: np.ndarray, truth: np.ndarray) -> list[list[float]]:
    """Return slope and height of a line for each label: of float[n, labels] and truths 1, 0 or NaN."""
    return [_line(logits[known, place], truth[known, place]) for place, known in enumerate(~np.isnan(truth).T)]


def thresholds(chances: np.ndarray, truth: np.ndarray) -> list[float]:
    """Return for each label the probability from which a yes gives the best F1."""
    return [_threshold(chances[known, place], truth[known, place]) for place, known in enumerate(~np.isnan(truth).T)]


def _line(logits: np.ndarray, truth: np.ndarray) -> list[float]:
    if min((truth == 1).sum(), (truth == 0).sum()) < LEAST_OF_KIND:
        return [1.0, 0.0]
    logits, sign = logits.astype(np.float64), 2 * truth.astype(np.float64) - 1

    def cost(line: np.ndarray) -> tuple[float, np.ndarray]:
        slope, height = np.exp(line[0]), line[1]
        margin = sign * (slope * logits + height)
        push = -sign * expit(-margin)
        gradient = np.array([(push * logits).sum() * slope, push.sum()]) + 2 * PRIOR * line
        return float(np.logaddexp(0, -margin).sum() + PRIOR * (line**2).sum()), gradient

    found = minimize(cost, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-2, 2), (-5, 5)]).x
    return [float(np.exp(found[0])), float(found[1])]


def _threshold(chances: np.ndarray, truth: np.ndarray) -> float:
    positives = (truth == 1).sum()
    if min(positives, (truth == 0).sum()) < LEAST_OF_KIND:
        return EVEN
    order = np.argsort(-chances, kind="stable")
    ordered = chances[order].astype(np.float64)
    f1 = 2 * (truth[order] == 1).cumsum() / (np.arange(1, len(order) + 1) + positives)
    f1[:-1][ordered[:-1] == ordered[1:]] = -1  # equal chances are answered alike
    best = int(f1.argmax())
    below = ordered[best + 1] if best + 1 < len(ordered) else 0.0
    return float((ordered[best] + below) / 2)  # half way to the next: a new record seldom lies on it
