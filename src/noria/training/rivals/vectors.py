"""The features of encoded records as one sparse matrix, by the same module that the network's linear part reads."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from noria.model.linear_part import LinearPart
from noria.pipeline.inference import batches_of
from noria.types import Dataset


@torch.inference_mode()
def feature_matrix(part: LinearPart, dataset: Dataset, batch_size: int = 512) -> sparse.csr_matrix:
    """Return float32[n, features], in the order of the records."""
    parts = []
    order, sizes = batches_of(dataset, batch_size)
    device = part.weight.device
    for indices in np.split(order, np.cumsum(sizes)[:-1]):
        ids, values = (one.cpu().numpy() for one in part.features(dataset.batch(indices, device).inputs))
        rows = np.repeat(np.arange(len(ids)), ids.shape[1])
        is_there = values.ravel() != 0
        where = rows[is_there], ids.ravel()[is_there]
        parts.append(
            sparse.csr_matrix((values.ravel()[is_there], where), shape=(len(ids), part.size), dtype=np.float32)
        )
    matrix = sparse.vstack(parts, "csr")
    return matrix if (np.diff(order) == 1).all() else matrix[np.argsort(order)]
