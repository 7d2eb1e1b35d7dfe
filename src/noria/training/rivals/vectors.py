"""What simple models read of encoded records, and answer, by the modules that stand beside the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from scipy import sparse
from torch import nn

from noria.model.linear_part import LinearPart
from noria.model.tree_part import TreePart
from noria.pipeline.inference import batches_of
from noria.types import Dataset

_T = TypeVar("_T")
MOST_VALUES = 20_000_000  # of a matrix: some 200 MB, and seconds to learn from
MOST_WORK = 300_000_000  # values times answers: at most two minutes
MEASURED = 256  # records that say how many values one has
LEAST = 50  # records that are always learnt from


def feature_matrix(
    part: LinearPart, dataset: Dataset, chosen: np.ndarray | None = None, batch_size: int = 512
) -> sparse.csr_matrix:
    """Return float32[n, features], in the order of the records; `chosen`, ascending, are those that are read."""
    parts, places = _by_batches(dataset, chosen, batch_size, lambda indices: _matrix(part, dataset, indices))
    matrix = sparse.vstack(parts, "csr")
    return matrix if (np.diff(places) > 0).all() else matrix[np.argsort(places)]


def column_rows(
    part: TreePart, dataset: Dataset, chosen: np.ndarray | None = None, batch_size: int = 512
) -> np.ndarray:
    """Return float32[n, columns], NaN where missing, in the order of the records; `chosen` as above."""

    @torch.inference_mode()
    def read(indices: np.ndarray) -> np.ndarray:
        found: np.ndarray = part.columns(dataset.batch(indices, part.bias.device).inputs).cpu().numpy()
        return found

    parts, places = _by_batches(dataset, chosen, batch_size, read)
    return np.concatenate(parts)[np.argsort(places)]


def answers_of_part(part: nn.Module, dataset: Dataset, batch_size: int = 512) -> np.ndarray:
    """Return what a part beside the network alone answers to all records, in their order: float32[n, answers]."""

    @torch.inference_mode()
    def answered(indices: np.ndarray) -> np.ndarray:
        inputs = dataset.batch(indices, next(part.buffers()).device).inputs
        found: np.ndarray = part(inputs).float().cpu().numpy()
        return found

    parts, places = _by_batches(dataset, None, batch_size, answered)
    return np.concatenate(parts)[np.argsort(places)]


def _by_batches(
    dataset: Dataset, chosen: np.ndarray | None, batch_size: int, read: Callable[[np.ndarray], _T]
) -> tuple[list[_T], np.ndarray]:
    """Return what is read of the chosen records, some after others, and which ones these were: int[n]."""
    order, sizes = batches_of(dataset, batch_size)
    is_chosen = np.ones(len(dataset), bool)
    if chosen is not None:
        is_chosen = np.isin(np.arange(len(dataset)), chosen)
    batches = [one[is_chosen[one]] for one in np.split(order, np.cumsum(sizes)[:-1])]
    batches = [one for one in batches if len(one)]
    return [read(one) for one in batches], np.concatenate(batches)


def affordable(part: LinearPart, dataset: Dataset, most: int | None = None, seed: int = 0) -> np.ndarray | None:
    """Return which records to learn from where all are too many, `most` of them at most; None where they are not."""
    measured = np.linspace(0, len(dataset) - 1, min(len(dataset), MEASURED)).astype(int)
    values = _matrix(part, dataset, np.unique(measured)).nnz / len(np.unique(measured))
    answers = part.weight.shape[1]
    count = min(most or len(dataset), max(LEAST, int(min(MOST_VALUES, MOST_WORK / answers) / max(1.0, values))))
    return drawn(len(dataset), count, seed)


def drawn(records: int, most: int, seed: int = 0) -> np.ndarray | None:
    """Return which of so many records to learn from, ascending, where they are more than `most`; None: all."""
    return None if records <= most else np.sort(np.random.default_rng(seed).permutation(records)[:most])


@torch.inference_mode()
def _matrix(part: LinearPart, dataset: Dataset, indices: np.ndarray) -> sparse.csr_matrix:
    ids, values = (one.cpu().numpy() for one in part.features(dataset.batch(indices, part.weight.device).inputs))
    rows = np.repeat(np.arange(len(ids)), ids.shape[1])
    is_there = values.ravel() != 0
    where = rows[is_there], ids.ravel()[is_there]
    return sparse.csr_matrix((values.ravel()[is_there], where), shape=(len(ids), part.size), dtype=np.float32)
