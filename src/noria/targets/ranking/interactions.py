"""Who has what: histories as a sparse matrix of people and items. Needs no torch."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from noria.types import Ragged


def interactions(events: Ragged, size: int) -> sparse.csr_matrix:
    """Return which history has which item, ones in float32[n, size]."""
    rows = np.repeat(np.arange(len(events)), events.lengths)
    is_known = (events.values >= 0) & (events.values < size)
    found = sparse.csr_matrix(
        (np.ones(is_known.sum(), np.float32), (rows[is_known], events.values[is_known])), shape=(len(events), size)
    )
    found.data[:] = 1
    return found
