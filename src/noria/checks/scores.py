"""The checks of a task's metrics and of its trivial answer.

Knows no task. Read next: whole.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.checks.failure import TOLERANCE, check, is_untouched, json_round_trip, require
from noria.checks.whole import Whole
from noria.contract import Metric, dispatch
from noria.contract.capabilities import TrainingStep, declared
from noria.types import Arrays, Batch, Output, Ragged

if TYPE_CHECKING:
    from torch import nn

FIT_STEPS = 300  # of gradient descent on an output itself, towards a perfect one


def check_scores(whole: Whole) -> None:
    """Check the metrics of a task, the vectors that it is searched by, and the trivial answer it is compared with."""
    check_metric_names(whole)
    output = whole.answers(whole.model().eval(), whole.dataset)
    check_metric_values(whole, output)
    check_metric_order(whole, output)
    check_metric_weights(whole, output)
    check_metric_direction(whole, output)
    check_vectors(whole, output)
    check_baseline(whole)
    check_predict_baseline(whole, output)


@check
def check_metric_names(whole: Whole) -> None:
    """Each metric has a name of its own, a unit and a direction."""
    names = [metric.name for metric in _metrics(whole)]
    require(bool(names) and len(set(names)) == len(names), f"metrics need names of their own: {names}")
    for metric in _metrics(whole):
        right = metric.direction in ("higher", "lower") and bool(metric.unit)
        require(right, f"{metric.name} needs a unit and a direction, higher or lower")


@check
def check_metric_values(whole: Whole, output: Arrays) -> None:
    """Each metric gives one number for each of R sets of weights, the same for the same weights."""
    weights = np.ones((3, len(whole.dataset)), np.float32)
    for metric in _metrics(whole):
        values = metric.value(output, whole.dataset.target, weights)
        is_right = values.shape == (3,) and np.allclose(values, values[0], equal_nan=True)
        require(is_right, f"{metric.name} must be float[R], the same for the same weights, and is {values}")


@check
def check_metric_order(whole: Whole, output: Arrays) -> None:
    """The order of the records does not matter to a score."""
    turned = _rows(output, slice(None, None, -1)), _rows(whole.dataset.target, slice(None, None, -1))
    for metric in _metrics(whole):
        plain, other = _value(metric, output, whole.dataset.target), _value(metric, *turned)
        require(_is_close(plain, other), f"{metric.name} is {plain:g}, and {other:g} in the reverse order of records")


@check
def check_metric_weights(whole: Whole, output: Arrays) -> None:
    """A record of weight two counts as two records: what the intervals of evaluation are made of."""
    count, truth = len(whole.dataset), whole.dataset.target
    drawn = np.random.default_rng(0).integers(0, count, count)
    counts = np.bincount(drawn, minlength=count).astype(np.float32)[None]
    for metric in _metrics(whole):
        weighted = float(metric.value(output, truth, counts)[0])
        if metric.scores is not None:  # each may depend on the other records: a match is found among all of them
            scores = metric.scores(output, truth)
            is_mean = scores.shape == (count,) and _is_close(float(scores.mean()), _value(metric, output, truth))
            require(is_mean, f"{metric.name} is not the mean of its scores")
            repeated = float(counts[0] @ scores / counts.sum())
        else:
            repeated = _value(metric, _rows(output, drawn), _rows(truth, drawn))
        same = _is_close(weighted, repeated)
        require(
            same, f"{metric.name} weighted by counts, {weighted:g}, is not that of the repeated records, {repeated:g}"
        )


@check
def check_metric_direction(whole: Whole, output: Arrays) -> None:
    """A score can be computed, and is no worse, where the loss is as low as it gets."""
    truth, perfect, metrics = whole.dataset.target, _perfect(whole), _metrics(whole)
    is_whole = output.keys() <= perfect.keys()  # an answer that is written is not, where only its loss is known
    for metric in metrics:
        best, plain = _value(metric, perfect, truth), _value(metric, output, truth)
        is_needed = metric is metrics[0] or (is_whole and not np.isnan(plain))
        is_known = not (is_needed and np.isnan(best))
        require(is_known, f"{metric.name} cannot be computed where the loss is as low as it gets")
        gain = best - plain
        is_best = gain >= -TOLERANCE if metric.direction == "higher" else gain <= TOLERANCE
        is_free = np.isnan(gain) or not metric.follows_loss
        require(bool(is_best) or is_free, f"{metric.name} is worse where the loss is as low as it gets")


@check
def check_vectors(whole: Whole, output: Arrays) -> None:
    """An answer that records are searched by is one finite vector each, and not the same for all."""
    vectors = dispatch.vectors(whole.task.target, output)
    if vectors is None:
        return
    count = len(whole.dataset)
    is_right = vectors.ndim == 2 and len(vectors) == count and bool(np.isfinite(vectors).all())
    require(is_right, f"vectors must be finite, float[{count}, D], and are of shape {vectors.shape}")
    require(not np.allclose(vectors, vectors[:1]), "all records have the same vector")


@check
def check_baseline(whole: Whole) -> None:
    """What the trivial answer learns is one record [1, ...] of an output that can be stored."""
    for name, value in whole.task.fit_baseline(whole.dataset.target).items():
        shape = np.asarray(value).shape
        require(shape[:1] == (1,), f"the baseline's {name!r} is {shape}, not [1, ...]")
        json_round_trip(np.asarray(value).tolist())


@check
def check_predict_baseline(whole: Whole, output: Arrays) -> None:
    """The trivial answer is an output like the model's, can be scored and read, and does not know the true answer."""
    target, state, count = whole.task.target, whole.states["target"], len(whole.dataset)
    learnt = {name: np.asarray(value) for name, value in whole.task.fit_baseline(whole.dataset.target).items()}
    trivial = dispatch.predict_baseline(whole.task, whole.dataset, learnt)
    for name, value in trivial.items():
        require(len(value) == count, f"the trivial {name!r} is given for {len(value)} of {count} records")
    for name in trivial.keys() & output.keys():
        one, other = _num_axes(trivial[name]), _num_axes(output[name])
        require(one == other, f"the trivial {name!r} has {one} axes, the model's {other}")
    for metric in _metrics(whole):
        _value(metric, trivial, whole.dataset.target)
    answers = [prediction.as_json() for prediction in target.decode(trivial, state)]
    json_round_trip(answers)
    others = replace(whole.dataset, target=_rows(whole.dataset.target, np.roll(np.arange(count), 1)))
    again = [
        prediction.as_json()
        for prediction in target.decode(dispatch.predict_baseline(whole.task, others, learnt), state)
    ]
    require(is_untouched(answers, again), "the trivial answer to a record changes with the true answer")


def _perfect(whole: Whole) -> Arrays:
    """Return what is kept of the output that gradient descent on the output itself finds best."""
    import torch

    batch = whole.batch()
    if declared(whole.task.target, TrainingStep):  # the output alone cannot be improved: the weights are
        return whole.answers(_overfitted(whole, batch), whole.dataset)
    model = whole.model().eval()
    with torch.no_grad():
        start = model(batch.inputs, batch.target)
    free = {name: value.clone().requires_grad_() for name, value in start.items() if value.is_floating_point()}
    optimizer = torch.optim.Adam(free.values(), 0.1)  # whatever the loss is a mean over: places, tokens, records
    for _ in range(FIT_STEPS):
        optimizer.zero_grad()
        loss = whole.task.target.loss({**start, **free}, batch)["each"].sum()
        loss.backward(inputs=list(free.values()))  # type: ignore[no-untyped-call]
        optimizer.step()
    found = {**start, **{name: value.detach() for name, value in free.items()}}
    return whole.answers(_Fixed(found), whole.dataset, is_quick=True)


def _overfitted(whole: Whole, batch: Batch) -> nn.Module:
    import torch

    model = whole.model().train()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    torch.manual_seed(1)
    for _ in range(FIT_STEPS // 3):
        optimizer.zero_grad()
        dispatch.training_step(whole.task.target, model, batch, whole.states["target"])["loss"].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval()


class _Fixed:
    """Stand in for a model whose output is known."""

    training = False

    def __init__(self, output: Output) -> None:
        self.output = output

    def __call__(self, inputs: Any, target: Any = None) -> Output:
        return self.output


def _metrics(whole: Whole) -> list[Metric]:
    return list(whole.task.target.metrics(whole.states["target"]))


def _rows(arrays: Arrays, chosen: np.ndarray | slice) -> Arrays:
    return {name: value[chosen] for name, value in arrays.items()}


def _num_axes(array: Any) -> int:
    return 1 + array.values.ndim if isinstance(array, Ragged) else np.ndim(array)


def _is_close(one: float, other: float) -> bool:
    return bool(np.isclose(one, other, rtol=TOLERANCE, equal_nan=True))


def _value(metric: Metric, output: Arrays, truth: Arrays) -> float:
    count = len(next(iter(output.values())))
    return float(metric.value(output, truth, np.ones((1, count), np.float32))[0])
