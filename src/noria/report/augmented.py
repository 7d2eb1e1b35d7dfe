"""Training records as augmentation varies them, once each, so that people can see what training sees.

Knows no task. Read next: sample_cards.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.contract import Task, dispatch
from noria.types import Arrays, Dataset, Ragged, lengths_of

if TYPE_CHECKING:
    from torch import Tensor


def augmented(task: Task, records: Dataset, seed: int = 0) -> Dataset:
    """Return the records, varied as a batch of training is; what only people and metrics read stays as it is."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        batch = dispatch.augment(task, records.batch(slice(0, len(records))))
    inputs = {name: _arrays(batch.inputs.get(name, {}), arrays) for name, arrays in records.inputs.items()}
    return Dataset(inputs, _arrays(batch.target, records.target))


def _arrays(tensors: Mapping[str, Tensor], before: Arrays) -> Arrays:
    """Return tensors as the arrays that they were made of; rows of ids keep what they were."""
    found = dict(before)
    for name in before.keys() & tensors.keys():
        given, values = before[name], tensors[name].cpu().numpy()
        if not isinstance(given, Ragged):
            found[name] = _of_kind(values, given.dtype)
        elif lengths_of(name) in tensors:
            lengths = tensors[lengths_of(name)].tolist()
            rows = [_of_kind(row[:length], given.values.dtype) for row, length in zip(values, lengths, strict=True)]
            found[name] = Ragged.of(rows, given.values.dtype, given.values.shape[1:])
    return found


def _of_kind(values: np.ndarray, dtype: Any) -> np.ndarray:
    if np.issubdtype(dtype, np.integer) and values.dtype.kind == "f":
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return values.astype(dtype)
