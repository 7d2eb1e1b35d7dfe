"""How often each class is the truth now, where no truth is known: black-box shift estimation (BBSE).

Where only the shares of the classes have changed, and not how each one looks, the answers' shares q now are C p:
C[i, j] is how often, in calibration, i was answered where j was true, and p[j] how often j is true now. So p = C^-1 q.
Source: Lipton, Wang and Smola 2018, "Detecting and Correcting for Label Shift with Black Box Predictors",
https://arxiv.org/abs/1802.03916, section 3; here with the conditional matrix.
"""

from __future__ import annotations

import numpy as np

WORST_CONDITION = 100.0  # of C by column: above it, the noise of the answers' shares is what would be told
DRAWS = 200


def shares_now(confusion: np.ndarray, answers: np.ndarray, seed: int = 0) -> np.ndarray | None:
    """Return the share of each class among the truths now, and its interval of 95 %, float[classes, 3].

    confusion: int[classes, classes], of calibration, rows are the truth. answers: int[n], of now. None where the matrix
    says too little: a class that never was the truth, or classes that are answered alike.
    """
    chances = _chances(confusion)
    if chances is None or np.linalg.cond(chances) > WORST_CONDITION:
        return None
    told = np.bincount(answers, minlength=len(confusion))
    found = _solved(chances, told / len(answers))
    generator = np.random.default_rng(seed)
    rows, n = confusion.sum(1), len(answers)
    drawn = []
    for _ in range(DRAWS):  # both samples are drawn again
        again = np.stack([generator.multinomial(count, row) for count, row in zip(rows, chances.T, strict=True)])
        if (other := _chances(again)) is not None and np.linalg.cond(other) < 10 * WORST_CONDITION:
            drawn.append(_solved(other, generator.multinomial(n, told / n) / n))
    if len(drawn) < DRAWS // 2:
        return None
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return np.stack([found, np.minimum(low, found), np.maximum(high, found)], 1)


def _chances(confusion: np.ndarray) -> np.ndarray | None:
    """Return how likely each answer (row) is where each class (column) is the truth."""
    rows = confusion.sum(1, keepdims=True)
    return None if (rows == 0).any() else (confusion / rows).T


def _solved(chances: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Return the shares that give such answers: of one sign, their sum one."""
    found = np.maximum(np.linalg.solve(chances, told), 0)
    return np.asarray(found / max(found.sum(), 1e-12))
