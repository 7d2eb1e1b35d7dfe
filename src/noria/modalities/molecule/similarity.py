"""How alike molecules are: the share of their substructures that they have in common (Tanimoto).

Knows no molecule, only which of NUM_SUBSTRUCTURES it has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noria.modalities.molecule.descriptors import NUM_SUBSTRUCTURES

BLOCK_BYTES = 64 * 2**20  # compared at once


def packed(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return uint8[n, NUM_SUBSTRUCTURES / 8], a bit for each substructure that a row names."""
    bits = np.zeros((len(rows), NUM_SUBSTRUCTURES), bool)
    for index, row in enumerate(rows):
        bits[index, row] = True
    return np.packbits(bits, axis=1)


def nearest(asked: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return float64[n]: of each packed row the largest similarity to one of the known ones, 0 to 1."""
    known = np.ascontiguousarray(known).view(np.uint64)
    asked = np.ascontiguousarray(asked).view(np.uint64)
    sizes = np.bitwise_count(known).sum(1, dtype=np.int64)
    found = np.zeros(len(asked))
    step = max(1, BLOCK_BYTES // max(1, known.nbytes))
    for start in range(0, len(asked), step):
        own = asked[start : start + step]
        both = np.bitwise_count(own[:, None] & known[None]).sum(2, dtype=np.int64)
        either = sizes + np.bitwise_count(own).sum(1, dtype=np.int64)[:, None] - both
        found[start : start + step] = np.divide(both, either, out=np.ones(both.shape), where=either > 0).max(1)
    return found
