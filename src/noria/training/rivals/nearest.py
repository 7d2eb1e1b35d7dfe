"""The answer of the training record that is nearest, by the angle between features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from noria.model.regression import Answers

MOST_TEMPLATES = 20_000
BLOCK = 2_000  # records that are compared at once
SHARPNESS = 20.0  # by which a similarity, -1 to 1, is multiplied to be a logit


def fit_nearest(features: sparse.csr_matrix, answers: Answers) -> Callable[[sparse.csr_matrix], np.ndarray]:
    """Return what gives logits float[n, classes or labels] or numbers float[n, numbers]: of the nearest record."""
    chosen = np.arange(min(features.shape[0], MOST_TEMPLATES))
    if features.shape[0] > MOST_TEMPLATES:
        chosen = np.sort(np.random.default_rng(0).permutation(features.shape[0])[:MOST_TEMPLATES])
    mean = np.asarray(features.mean(0))
    templates, values = _directions(features[chosen], mean), answers.values[chosen]

    def answered(block: np.ndarray) -> np.ndarray:
        alike = block @ templates.T
        if answers.are_labels:
            near = [[alike[:, one == kind].max(1, initial=-1.0) for kind in (1, 0)] for one in values.T]
            return np.stack([SHARPNESS * (yes - no) for yes, no in near], 1)
        if answers.are_numbers:
            known = [one[np.where(np.isnan(one), -np.inf, alike).argmax(1)] for one in values.T]
            return np.asarray(np.nan_to_num(np.stack(known, 1)))
        if not answers.classes:
            return np.asarray(values[alike.argmax(1)][:, None], np.float64)
        best = [alike[:, values == one].max(1, initial=-1.0) for one in range(answers.classes)]
        return np.asarray(SHARPNESS * np.stack(best, 1))

    def outputs(other: sparse.csr_matrix) -> np.ndarray:
        starts = range(0, other.shape[0], BLOCK)
        return np.concatenate([answered(_directions(other[start : start + BLOCK], mean)) for start in starts])

    return outputs


def _directions(features: sparse.csr_matrix, mean: np.ndarray) -> np.ndarray:
    vectors = features.toarray() - mean
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))
