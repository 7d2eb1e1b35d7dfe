"""The network's own linear part: fitted before training, and its share of the answer chosen once training has ended.

Read next: model/linear_part.py, training/rivals/linear.py.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from noria.contract import Task, dispatch
from noria.model.linear_part import LinearPart
from noria.model.network import Model
from noria.pipeline.inference import outputs
from noria.training.rivals.linear import Answers, fit_linear, loss_of
from noria.training.rivals.vectors import feature_matrix
from noria.types import Dataset

EVEN = 0.5  # the network's share of the answer while nothing says otherwise
SHARES = np.linspace(0, 1, 21)
PRIOR = 5.0  # held-out records that an even share is worth


def answers_of(task: Task, state: Mapping[str, Any], dataset: Dataset) -> Answers:
    """Return the true answers of records whose answer is one class or one number."""
    values = dispatch.single_values(task.target, {name: one[:] for name, one in dataset.target.items()})
    assert values is not None
    return Answers(np.asarray(values), len(dispatch.class_names(task.target, dict(state)) or []))


def fit_part(part: LinearPart, task: Task, state: Mapping[str, Any], train: Dataset) -> float:
    """Fit a linear part to training records, in place; return how many seconds it took."""
    started = time.perf_counter()
    features = feature_matrix(part, train)
    fitted = fit_linear(features, answers_of(task, state, train), part.is_counts, part.plain, train.groups)
    found = {"weight": fitted.weight, "bias": fitted.bias, "share": np.asarray(EVEN, np.float32)}
    found |= {} if fitted.scale is None else {"scale": fitted.scale}
    for name, values in found.items():
        getattr(part, name).copy_(torch.from_numpy(np.asarray(values)))
    return time.perf_counter() - started


def chosen_share(
    model: Model, task: Task, state: Mapping[str, Any], held_out: Dataset, batch_size: int, device: torch.device
) -> float:
    """Return the network's share of the answer that held-out records are answered best with; even where few say it."""
    part = model.linear
    assert part is not None
    answers = answers_of(task, state, held_out)
    before = float(part.share)
    both = []
    for share in (1.0, 0.0):
        part.share.fill_(share)
        both.append(outputs(model, task.target, dict(state), held_out, batch_size, device)[part.output])
    part.share.fill_(before)
    losses = np.array([loss_of(share * both[0] + (1 - share) * both[1], answers) for share in SHARES])
    losses += PRIOR * (SHARES - EVEN) ** 2 * losses.min() / max(1, len(held_out))
    return float(SHARES[losses.argmin()])
