"""The network's own linear part: fitted before training, and its share of the answer chosen once training has ended.

Read next: model/linear_part.py, model/regression.py.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from noria.contract import Task, dispatch
from noria.metrics.intervals import point
from noria.model.linear_part import LinearPart
from noria.model.network import Model
from noria.model.regression import Answers, fit_linear, log_shares, loss_of
from noria.pipeline.inference import outputs
from noria.training.rivals.vectors import affordable, answers_of_part, feature_matrix
from noria.types import Dataset

EVEN = 0.5  # the network's share of the answer while nothing says otherwise
SHARES = np.linspace(0, 1, 21)
FEW_SHARES = [step / 10 for step in range(11)]  # where each share takes a pass over all held-out records
SHARPER = (1.0, 0.5, 0.7, 0.85, 1.2, 1.4, 1.7, 2.0)  # the first is taken where none does better
# Held-out records that an even mix is worth, and so many times more that answers are as sure as they come: on folds of
# twelve tables less followed chance, more held back a network that was far better.
PRIOR, AS_SURE = 50.0, 4.0


def answers_of(task: Task, state: Mapping[str, Any], dataset: Dataset) -> Answers:
    """Return the true answers of records whose answer is one class, one number or several yes/no."""
    truth = {name: one[:] for name, one in dataset.target.items()}
    if (labels := dispatch.label_values(task.target, truth)) is not None:
        return Answers(np.asarray(labels), 0)
    values = dispatch.single_values(task.target, truth)
    assert values is not None
    return Answers(np.asarray(values), len(dispatch.class_names(task.target, dict(state)) or []))


def fit_part(part: LinearPart, task: Task, state: Mapping[str, Any], train: Dataset) -> float:
    """Fit a linear part to training records, in place; return how many seconds it took."""
    started = time.perf_counter()
    if (own := dispatch.fit_linear(task.target, train, dict(state), part.size)) is not None:
        _take(part, {"weight": own.weight, "bias": own.bias, "share": np.asarray(EVEN, np.float32)})
        return time.perf_counter() - started
    chosen = affordable(part, train)
    answers, groups = answers_of(task, state, train), train.groups
    if chosen is not None:
        answers, groups = answers[chosen], None if groups is None else groups[chosen]
    fitted = fit_linear(feature_matrix(part, train, chosen), answers, part.is_counts, part.plain, groups)
    found = {"weight": fitted.weight, "bias": fitted.bias, "share": np.asarray(EVEN, np.float32)}
    found |= {} if fitted.scale is None else {"scale": fitted.scale}
    _take(part, found)
    return time.perf_counter() - started


def _take(part: LinearPart, found: Mapping[str, np.ndarray]) -> None:
    for name, values in found.items():
        getattr(part, name).copy_(torch.from_numpy(np.asarray(values)))


@dataclass(frozen=True)
class Mix:
    """How an answer is mixed: the network's share of it, and how much surer than the mean it is made."""

    share: float
    sharpness: float


def chosen_mix(
    model: Model, task: Task, state: Mapping[str, Any], held_out: Dataset, batch_size: int, device: torch.device
) -> Mix:
    """Return the mix that held-out records are answered best with; few of them change an even one little."""
    part = model.linear
    assert part is not None
    if part.is_score:
        return _by_metric(model, task, state, held_out, batch_size, device)
    answers = answers_of(task, state, held_out)
    network, linear = (
        _of_network(model, part, task, state, held_out, batch_size, device),
        answers_of_part(part, held_out),
    )
    linear = log_shares(linear) if answers.classes else linear
    tried = [Mix(float(share), sharper) for sharper in (SHARPER if answers.are_chances else (1.0,)) for share in SHARES]
    losses = [loss_of(one.sharpness * (one.share * network + (1 - one.share) * linear), answers) for one in tried]
    unusual = [(one.share - EVEN) ** 2 + AS_SURE * math.log(one.sharpness) ** 2 for one in tried]
    least = min(losses) / max(1, len(held_out))
    return tried[int(np.argmin(np.array(losses) + PRIOR * least * np.array(unusual)))]


def _by_metric(
    model: Model, task: Task, state: Mapping[str, Any], held_out: Dataset, batch_size: int, device: torch.device
) -> Mix:
    """Return the share of the network with which the first metric is best; of equal ones the nearest to an even mix."""
    part, metric = model.linear, task.target.metrics(dict(state))[0]
    assert part is not None
    before = float(part.share)
    truth = {name: one[:] for name, one in held_out.target.items()}
    sign = 1 if metric.direction == "higher" else -1
    worth = {}
    for share in FEW_SHARES:
        part.share.fill_(share)
        found = outputs(model, task.target, dict(state), held_out, batch_size, device, is_quick=True)
        value = point(metric, found, truth)
        worth[share] = -math.inf if value is None else sign * value
    part.share.fill_(before)
    return Mix(max(worth, key=lambda share: (worth[share], -abs(share - EVEN))), 1.0)


def _of_network(
    model: Model, part: LinearPart, task: Task, state: Mapping[str, Any], data: Dataset, batch_size: int,
    device: torch.device,
) -> np.ndarray:  # fmt: skip
    """Return the answers of the network alone; of classes the logarithms of their probabilities."""
    before = float(part.share), float(part.sharpness)
    part.share.fill_(1.0)
    part.sharpness.fill_(1.0)
    found = outputs(model, task.target, dict(state), data, batch_size, device)[part.output]
    part.share.fill_(before[0])
    part.sharpness.fill_(before[1])
    return np.asarray(found)
