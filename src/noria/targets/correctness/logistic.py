"""A logistic line beside the network: what an exercise asks, and how often it, and all, went right and wrong before.

Performance factors analysis (Pavlik, Cen and Koedinger 2009) with the counts over all exercises and what happened last.
Read next: target.py, metrics.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit

from noria.modalities.items.arrays import ITEMS, LEVELS
from noria.types import Arrays, Dataset, Ragged

PENALTY = 1.0  # of the squared weights, against the sum over events
STEPS = 100
RIGHT, WRONG = 2, 1  # levels of the ratings 1 and 0


def logistic_line(train: Dataset, history: str, size: int) -> Callable[[Dataset], Arrays]:
    """Return what gives the logits of each event of histories, learnt from those of training."""
    features, levels = _features(train.inputs[history], size)
    is_known = levels > 0
    weights = _fitted(features[is_known], levels[is_known] == RIGHT)

    def answered(dataset: Dataset) -> Arrays:
        arrays = dataset.inputs[history]
        found = _features(arrays, size)[0] @ weights
        return {"logits": Ragged(np.asarray(found, np.float32), arrays[ITEMS][:].offsets)}

    return answered


def _fitted(features: sparse.csr_matrix, is_right: np.ndarray) -> np.ndarray:
    signs = np.where(is_right, 1.0, -1.0)

    def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = signs * (features @ weights)
        slope = features.T @ (-signs * expit(-margin)) + PENALTY * weights
        return float(np.logaddexp(0, -margin).sum() + PENALTY / 2 * weights @ weights), slope

    start = np.zeros(features.shape[1])
    return np.asarray(minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x)


def _features(arrays: Arrays, size: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return float64[events, features] of what is known before each event, and the levels of the events."""
    items, levels = arrays[ITEMS][:], arrays[LEVELS][:].values
    codes = np.minimum(items.values, size).astype(np.int64)
    rows = np.repeat(np.arange(len(items)), items.lengths)
    right, wrong = (levels == RIGHT).astype(np.float64), (levels == WRONG).astype(np.float64)
    own = rows * (size + 1) + codes
    last = np.concatenate([[0.0], (right - wrong)[:-1]]) * np.concatenate([[False], rows[1:] == rows[:-1]])[: len(rows)]
    counts = [np.log1p(_before(one, key)) for key in (own, rows) for one in (right, wrong)]
    places = np.arange(len(codes))
    of_items = [
        sparse.csr_matrix((value, (places, codes)), shape=(len(codes), size + 1))
        for value in (np.ones(len(codes)), *counts[:2])
    ]
    beside = np.stack([*counts, last, np.ones(len(codes))], 1)
    return sparse.hstack([*of_items, beside], "csr"), levels


def _before(values: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return the sum of the values before each one among those of the same key."""
    order = np.argsort(keys, kind="stable")
    summed = np.cumsum(values[order]) - values[order]
    is_first = np.diff(keys[order], prepend=-1) != 0
    start = np.maximum.accumulate(np.where(is_first, np.arange(len(keys)), 0))
    found = np.empty(len(keys))
    found[order] = summed - summed[start] if len(keys) else summed
    return found
