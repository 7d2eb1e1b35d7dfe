"""Simple models that learn from training records: beside the network, whose answer they are mixed into, or a score.

Those of the network are fitted before training; how much each counts is chosen once training has ended.
Read next: model/mixture.py, model/regression.py; trees.py, forest.py.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import nn

from noria.contract import Task, dispatch
from noria.metrics.intervals import point
from noria.model.linear_part import LinearPart
from noria.model.mixture import Mixture
from noria.model.network import Model
from noria.model.regression import Answers, fit_linear, log_shares, loss_of
from noria.model.tree_part import TreePart
from noria.pipeline.assembly import are_wide
from noria.pipeline.inference import outputs
from noria.training.rivals.forest import fit_forest
from noria.training.rivals.trees import fit_trees
from noria.training.rivals.vectors import affordable, answers_of_part, column_rows, drawn, feature_matrix
from noria.types import Dataset
from noria.units import size

SHARPER = (1.0, 0.5, 0.7, 0.85, 1.2, 1.4, 1.7, 2.0)  # the first is taken where none does better
STEPS = {2: 20, 3: 10}  # into which shares of so many models are divided
FEW_STEPS = 10  # where each share takes a pass over all held-out records
# Held-out records that an even mix is worth, and so many times more that answers are as sure as they come: on folds of
# twelve tables less followed chance, more held back a network that was far better.
PRIOR, AS_SURE = 50.0, 4.0
AS_EVEN = 2.0  # records that cost as the even mix does, in what one costs: of a few, some mix hits each by chance
# Cells of the columns times answers that trees are grown from: minutes. Of more, so many records are drawn.
MOST_CELLS = 200_000_000
LEAST = 50  # records that are always learnt from


def answers_of(task: Task, state: Mapping[str, Any], dataset: Dataset) -> Answers:
    """Return the true answers of records whose answer is one class, or numbers, or several yes/no."""
    truth = {name: one[:] for name, one in dataset.target.items()}
    if (labels := dispatch.label_values(task.target, truth)) is not None:
        return Answers(np.asarray(labels), 0)
    if (numbers := dispatch.number_values(task.target, truth)) is not None:
        return Answers(np.asarray(numbers), 0, are_numbers=True)
    values = dispatch.single_values(task.target, truth)
    assert values is not None
    return Answers(np.asarray(values), len(dispatch.class_names(task.target, dict(state)) or []))


@dataclass(frozen=True)
class Fit:
    """What learning took: seconds, and how many records were learnt from; how large it has become, in words."""

    seconds: float
    records: int
    size: str


def fit_part(part: nn.Module, task: Task, state: Mapping[str, Any], train: Dataset, most: int | None = None) -> Fit:
    """Fit a part to training records, `most` of them at most, in place. state: the target's."""
    started = time.perf_counter()
    if isinstance(part, TreePart):
        records = _fit_trees(part, task, state, train, most)
    else:
        assert isinstance(part, LinearPart)
        records = _fit_linear(part, task, state, train, most)
    num_bytes = sum(one.numel() * one.element_size() for one in part.buffers())
    trees = f"{len(part.answer):,} trees, " if isinstance(part, TreePart) else ""
    return Fit(time.perf_counter() - started, records, trees + size(num_bytes))


def _fit_linear(part: LinearPart, task: Task, state: Mapping[str, Any], train: Dataset, most: int | None) -> int:
    if (own := dispatch.fit_linear(task.target, train, dict(state), part.size)) is not None:
        _take(part, {"weight": own.weight, "bias": own.bias})
        return len(train)
    chosen = _read(part, train, most)
    answers, groups = _of(answers_of(task, state, train), train.groups, chosen)
    fitted = fit_linear(feature_matrix(part, train, chosen), answers, part.is_counts, part.plain, groups)
    found = {"weight": fitted.weight, "bias": fitted.bias}
    _take(part, found | ({} if fitted.scale is None else {"scale": fitted.scale}))
    return len(answers.values)


def _take(part: LinearPart, found: Mapping[str, np.ndarray]) -> None:
    for name, values in found.items():
        getattr(part, name).copy_(torch.from_numpy(np.asarray(values)))


def _fit_trees(part: TreePart, task: Task, state: Mapping[str, Any], train: Dataset, most: int | None) -> int:
    chosen = _read(part, train, most)
    answers, _ = _of(answers_of(task, state, train), None, chosen)
    rows = column_rows(part, train, chosen)
    part.take(fit_forest(rows, answers) if are_wide(task) else fit_trees(rows, part.is_code.cpu().numpy(), answers))
    return len(rows)


def _read(part: nn.Module, train: Dataset, most: int | None) -> np.ndarray | None:
    """Return which training records a part learns from where all are too many; None where they are not."""
    if isinstance(part, LinearPart):
        return affordable(part, train, most)
    assert isinstance(part, TreePart)
    cells = len(part.is_code) * part.answers
    return drawn(len(train), min(most or len(train), max(LEAST, MOST_CELLS // cells)))


def records_of(part: nn.Module, train: Dataset) -> int:
    """Return how many of the training records a part of the network has learnt from."""
    chosen = _read(part, train, None)
    return len(train) if chosen is None else len(chosen)


def _of(answers: Answers, groups: np.ndarray | None, chosen: np.ndarray | None) -> tuple[Answers, np.ndarray | None]:
    if chosen is None:
        return answers, groups
    return answers[chosen], None if groups is None else groups[chosen]


@dataclass(frozen=True)
class Mix:
    """How an answer is mixed: shares of the network and of each part, and how much surer than their mean it is."""

    share: tuple[float, ...]
    sharpness: float

    def put(self, mixture: Mixture) -> None:
        """Let a mixture answer so from now on."""
        mixture.share.copy_(torch.tensor(self.share))
        mixture.sharpness.fill_(self.sharpness)

    @classmethod
    def of(cls, mixture: Mixture) -> Mix:
        """Return how a mixture answers now."""
        return cls(tuple(mixture.share.tolist()), float(mixture.sharpness))

    def unevenness(self) -> float:
        """Return how far the shares are from even ones: of two, the square of what one has less than a half."""
        return sum((share - 1 / len(self.share)) ** 2 for share in self.share) / 2


def chosen_mix(
    model: Model, task: Task, state: Mapping[str, Any], held_out: Dataset, batch_size: int, device: torch.device
) -> Mix:
    """Return the mix that held-out records are answered best with; few of them change an even one little."""
    mixture = model.mixture
    assert mixture is not None
    if mixture.is_score:
        return _by_metric(model, task, state, held_out, batch_size, device)
    answers = answers_of(task, state, held_out)
    given = [_of_network(model, task, state, held_out, batch_size, device)]
    for part in mixture.parts.values():
        own = answers_of_part(part, held_out)
        given.append(log_shares(own) if answers.classes else own)
    sharper = SHARPER if answers.are_chances else (1.0,)
    tried = [Mix(shares, sharp) for sharp in sharper for shares in _shares(len(given), STEPS[len(given)])]
    losses = [loss_of(one.sharpness * _sum(one.share, given), answers) for one in tried]
    unusual = [one.unevenness() + AS_SURE * math.log(one.sharpness) ** 2 for one in tried]
    even = losses[int(np.argmin(unusual))] / max(1, len(held_out))
    least = (min(losses) + AS_EVEN * even) / (len(held_out) + AS_EVEN)
    return tried[int(np.argmin(np.array(losses) + PRIOR * least * np.array(unusual)))]


def _shares(count: int, steps: int) -> Iterator[tuple[float, ...]]:
    """Yield all shares of so many models that are whole steps and together 1."""
    for parts in product(range(steps + 1), repeat=count - 1):
        if sum(parts) <= steps:
            yield tuple(one / steps for one in (*parts, steps - sum(parts)))


def _sum(shares: tuple[float, ...], given: list[np.ndarray]) -> np.ndarray:
    return np.asarray(sum(share * one for share, one in zip(shares, given, strict=True)))


def _by_metric(
    model: Model, task: Task, state: Mapping[str, Any], held_out: Dataset, batch_size: int, device: torch.device
) -> Mix:
    """Return the shares with which the first metric is best; of equal ones the nearest to an even mix."""
    mixture, metric = model.mixture, task.target.metrics(dict(state))[0]
    assert mixture is not None
    before = Mix.of(mixture)
    truth = {name: one[:] for name, one in held_out.target.items()}
    sign = 1 if metric.direction == "higher" else -1
    worth = {}
    for shares in _shares(len(before.share), FEW_STEPS):
        tried = Mix(shares, 1.0)
        tried.put(mixture)
        found = outputs(model, task.target, dict(state), held_out, batch_size, device, is_quick=True)
        value = point(metric, found, truth)
        worth[tried] = -math.inf if value is None else sign * value
    before.put(mixture)
    return max(worth, key=lambda mix: (worth[mix], -mix.unevenness()))


def _of_network(
    model: Model, task: Task, state: Mapping[str, Any], data: Dataset, batch_size: int, device: torch.device
) -> np.ndarray:
    """Return the answers of the network alone; of classes the logarithms of their probabilities."""
    mixture = model.mixture
    assert mixture is not None
    before = Mix.of(mixture)
    Mix((1.0, *(0.0 for _ in mixture.parts)), 1.0).put(mixture)
    found = outputs(model, task.target, dict(state), data, batch_size, device)[mixture.output]
    before.put(mixture)
    return np.asarray(found)
