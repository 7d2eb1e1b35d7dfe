"""The features of encoded records as one sparse matrix, by the same module that the network's linear part reads."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from noria.model.linear_part import LinearPart
from noria.pipeline.inference import batches_of
from noria.types import Dataset

MOST_VALUES = 20_000_000  # of a matrix: some 200 MB, and seconds to learn from
MOST_WORK = 300_000_000  # values times answers: at most two minutes
MEASURED = 256  # records that say how many values one has
LEAST = 50  # records that are always learnt from


@torch.inference_mode()
def feature_matrix(
    part: LinearPart, dataset: Dataset, chosen: np.ndarray | None = None, batch_size: int = 512
) -> sparse.csr_matrix:
    """Return float32[n, features], in the order of the records; `chosen`, ascending, are those that are read."""
    parts, read = [], []
    order, sizes = batches_of(dataset, batch_size)
    is_chosen = np.ones(len(dataset), bool)
    if chosen is not None:
        is_chosen = np.isin(np.arange(len(dataset)), chosen)
    for batch in np.split(order, np.cumsum(sizes)[:-1]):
        indices = batch[is_chosen[batch]]
        if len(indices):
            parts.append(_matrix(part, dataset, indices))
            read.append(indices)
    matrix, places = sparse.vstack(parts, "csr"), np.concatenate(read)
    return matrix if (np.diff(places) > 0).all() else matrix[np.argsort(places)]


@torch.inference_mode()
def answers_of_part(part: LinearPart, dataset: Dataset, batch_size: int = 512) -> np.ndarray:
    """Return what a linear part alone answers to all records, in their order: float32[n, answers]."""
    order, sizes = batches_of(dataset, batch_size)
    batches = np.split(order, np.cumsum(sizes)[:-1])
    found = [part(dataset.batch(one, part.weight.device).inputs).float().cpu().numpy() for one in batches]
    return np.concatenate(found)[np.argsort(order)]


def affordable(part: LinearPart, dataset: Dataset, most: int | None = None, seed: int = 0) -> np.ndarray | None:
    """Return which records to learn from where all are too many, `most` of them at most; None where they are not."""
    measured = np.linspace(0, len(dataset) - 1, min(len(dataset), MEASURED)).astype(int)
    values = _matrix(part, dataset, np.unique(measured)).nnz / len(np.unique(measured))
    answers = part.weight.shape[1]
    count = min(most or len(dataset), max(LEAST, int(min(MOST_VALUES, MOST_WORK / answers) / max(1.0, values))))
    if len(dataset) <= count:
        return None
    return np.sort(np.random.default_rng(seed).permutation(len(dataset))[:count])


@torch.inference_mode()
def _matrix(part: LinearPart, dataset: Dataset, indices: np.ndarray) -> sparse.csr_matrix:
    ids, values = (one.cpu().numpy() for one in part.features(dataset.batch(indices, part.weight.device).inputs))
    rows = np.repeat(np.arange(len(ids)), ids.shape[1])
    is_there = values.ravel() != 0
    where = rows[is_there], ids.ravel()[is_there]
    return sparse.csr_matrix((values.ravel()[is_there], where), shape=(len(ids), part.size), dtype=np.float32)
