"""Attributes of items or users as a matrix: which of the common ones each has."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from noria.types import Ragged

MOST = 500  # attributes: the most frequent, as what is solved with them takes time by their third power


def common(attributes: Ragged) -> np.ndarray:
    """Return the codes of the attributes that most have, int[columns], ascending."""
    counts = np.bincount(attributes.values) if len(attributes.values) else np.zeros(0, np.int64)
    most = np.argsort(-counts, kind="stable")[:MOST]
    return np.asarray(np.sort(most[counts[most] > 0]))


def described(attributes: Ragged, columns: np.ndarray) -> sparse.csr_matrix:
    """Return which of some attributes each has, float64[n, columns + 1]; all have the last."""
    rows = np.repeat(np.arange(len(attributes)), attributes.lengths)
    values = attributes.values[attributes.offsets[0] : attributes.offsets[-1]]
    is_kept = np.isin(values, columns)
    places = np.searchsorted(columns, values[is_kept])
    has = sparse.csr_matrix((np.ones(len(places)), (rows[is_kept], places)), (len(attributes), len(columns)))
    return sparse.hstack([has, np.ones((len(attributes), 1))], "csr")
