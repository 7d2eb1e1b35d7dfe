"""Vectors of items, near to one another where the same people turn to both within a few events.

The leading eigenvectors of the positive pointwise mutual information (Levy and Goldberg 2014, "Neural Word Embedding as
Implicit Matrix Factorization"), with items for words. An item of few events leans on its attributes, one of none stands
on them alone. Read next: targets/neighbours/, targets/profile/.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from noria.modalities.items.attributes import common, described
from noria.modalities.items.catalogue import Catalogue
from noria.types import Ragged

# On MovieLens 100K, the item after one's last but one among the ten nearest to it: 0.13 of 64 and of 128 numbers, 0.10
# by EASE^R's weights, 0.09 by the cosine; genres agree by 0.39 in place of 0.33. One division, no more choices tried
# than those named here: a smoothing of 1, 5 and 20 pairs (0.13, 0.12, 0.09), attributes worth 5, 20 and 100 events.
WIDTH = 64
WINDOW = 8  # events after one that count as beside it
SMOOTHING = 1.0  # pairs that chance alone is taken to make more
WORTH = 5.0  # events that an item's attributes are worth
PENALTY = 5.0  # of an attribute's vector, in events
DENSE = 500  # items of a catalogue whose eigenvectors are all worked out


def item_vectors(catalogue: Catalogue, events: Ragged) -> np.ndarray:
    """Return float32[N, D], of length one, from the items of training histories in order, int[...] each."""
    own = _eigenvectors(_information(_pairs(events, catalogue.size)))
    counts = np.bincount(events.values[events.values < catalogue.size], minlength=catalogue.size).astype(np.float64)
    attributes = catalogue.attributes_of_items()
    columns = common(attributes)
    if len(columns):
        known = described(attributes, columns)
        weighed = sparse.diags(counts) @ known
        there = np.asarray((known.T @ weighed).todense()) + PENALTY * np.eye(known.shape[1])
        said = known @ np.linalg.solve(there, weighed.T @ own)
        own = (counts[:, None] * own + WORTH * said) / (counts[:, None] + WORTH)
    return unit(own)


def summed_vectors(table: np.ndarray, items: Ragged) -> np.ndarray:
    """Return float32[n, D] of length one, the direction of the sum of each row's items; zeros where none is known."""
    rows = np.repeat(np.arange(len(items)), items.lengths)
    is_known = items.values < len(table)
    summed = np.zeros((len(items), table.shape[1]), np.float32)
    np.add.at(summed, rows[is_known], table[items.values[is_known]])
    return unit(summed)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors [n, D] of length one; one of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def _pairs(events: Ragged, size: int) -> sparse.csr_matrix:
    """Return how often two items stand within WINDOW events of one another, float64[size, size]."""
    values, rows = events.values, np.repeat(np.arange(len(events)), events.lengths)
    total = sparse.csr_matrix((size, size))
    for step in range(1, WINDOW + 1):
        first, second = values[:-step], values[step:]
        is_one = (rows[step:] == rows[:-step]) & (first < size) & (second < size) & (first != second)
        total = total + sparse.csr_matrix((np.ones(is_one.sum()), (first[is_one], second[is_one])), (size, size))
    return total + total.T


def _information(pairs: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the logarithm of how many times more often than by chance two stand together, where that is above zero."""
    found = pairs.tocoo()
    each: Any = np.asarray(pairs.sum(0)).ravel()
    by_chance = each[found.row] * each[found.col] / max(1.0, each.sum())
    logs = np.log(found.data / (by_chance + SMOOTHING))
    is_more = logs > 0
    return sparse.csr_matrix((logs[is_more], (found.row[is_more], found.col[is_more])), found.shape)


def _eigenvectors(information: sparse.csr_matrix) -> np.ndarray:
    """Return float64[N, D], the eigenvectors with the largest values, each as long as the root of its own."""
    size = information.shape[0]
    if size <= DENSE:
        values, vectors = np.linalg.eigh(information.toarray())
        values, vectors = values[-WIDTH:], vectors[:, -WIDTH:]
    else:
        start = np.full(size, size**-0.5)  # always the same, and with it what is found
        values, vectors = linalg.eigsh(information, WIDTH, which="LA", v0=start)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))
