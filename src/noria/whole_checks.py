"""The checks of a whole task: the model that is put together for it, its loss, its answers, its scores, its baseline.

Knows no task. Read next: checks.py, which calls this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.checking import TOLERANCE, WIDTH, as_arrays, is_same, json_round_trip, require, seeded
from noria.contract import Metric, Target, Task
from noria.job import Job
from noria.types import Arrays, Batch, Dataset, Output, Prediction, Ragged, State

if TYPE_CHECKING:
    from torch import Tensor, nn

FIT_STEPS = 300  # of gradient descent on an output itself, towards a perfect one


def check_whole(task: Task, dataset: Dataset, states: dict[str, Any], where: str) -> None:
    """Check how the parts of a task go together, on encoded records and what was learnt from them."""
    model = _check_model(task, dataset, states, where)
    output = _settled(task, model, dataset, states)
    _check_alone(task, model, dataset, states, output, where)
    answered = _settled(task, model, replace(dataset, target={}), states)
    _check_decode(task.target, answered, states["target"], where)
    _check_metrics(task, output, dataset, states, where)
    for panel in task.target.panels(output, dataset.target, states["target"]):
        json_round_trip(panel.data, where)
    _check_trivial(task, dataset, states, where)


def _check_model(task: Task, dataset: Dataset, states: Any, where: str) -> nn.Module:
    """Check the whole model that is put together for the task, and that every weight of it learns; return it."""
    import torch

    from noria.pipeline.assembly import build

    model: nn.Module = seeded(lambda: build(_job(), task, states))
    with torch.no_grad():  # what starts at zero passes no gradient on
        for weight in model.parameters():
            if not weight.any():
                weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)) / 10)
    batch = dataset.batch(slice(None))
    torch.manual_seed(0)
    _check_loss(task.step(model.train(), task.vary(batch)), batch.size, model, where)
    return model.eval()


def _check_loss(parts: Mapping[str, Tensor], count: int, module: nn.Module, where: str) -> None:
    """Check a loss and that every weight learns from it."""
    require("loss" in parts and "each" in parts, where, 'the loss must have the parts "loss" and "each"')
    for name, value in parts.items():
        require(bool(value.isfinite().all()), where, f"the part {name!r} of the loss is not finite")
    require(parts["loss"].ndim == 0, where, '"loss" must be one number')
    require(tuple(parts["each"].shape) == (count,), where, f'"each" must be one number a record, [{count}]')
    parts["loss"].backward()  # type: ignore[no-untyped-call]
    for name, weight in module.named_parameters():
        require(not weight.requires_grad or weight.grad is not None, where, f"no gradient reaches {name}")
        is_finite = weight.grad is None or bool(weight.grad.isfinite().all())
        require(is_finite, where, f"the gradient of {name} is not finite")


def _settled(task: Task, model: Any, dataset: Dataset, states: Any) -> Arrays:
    """Return what is kept of the outputs of records, as pipeline/inference.py does it for one batch."""
    import torch

    everything = np.arange(len(dataset))
    with torch.inference_mode():
        output = task.target.ask(model, dataset.batch(everything), is_quick=isinstance(model, _Fixed))
    return task.target.settle(as_arrays(output), dataset.raw_inputs(everything), states["target"])


def _check_alone(task: Task, model: nn.Module, dataset: Dataset, states: Any, output: Arrays, where: str) -> None:
    """Check that a record's output does not depend on the batch it comes in, padding included."""
    for name, value in output.items():
        require(len(value) == len(dataset), where, f"the first axis of the output {name!r} is not the records")
        values = value.values if isinstance(value, Ragged) else value
        require(bool(np.isfinite(values).all()), where, f"the output {name!r} must be finite")
    for index in (0, len(dataset) - 1):
        alone = _settled(task, model, dataset.select(np.array([index])), states)
        for name, value in alone.items():
            same = is_same(value, output[name][index : index + 1], TOLERANCE)
            require(same, where, f"the output {name!r} of a record depends on the batch it comes in")


def _check_decode(target: Target, output: Arrays, state: State, where: str) -> None:
    count = len(next(iter(output.values())))
    predictions = target.decode(output, state)
    require(len(predictions) == count, where, f"decode gives {len(predictions)} predictions for {count} records")
    for index, prediction in enumerate(predictions):
        require(isinstance(prediction, Prediction), where, "decode must give Predictions")
        json_round_trip(prediction.as_json(), where)
        sure = prediction.confidence
        require(sure is None or 0 <= sure <= 1, where, f"a confidence lies in 0 to 1, not at {sure}")
        alone = target.decode({name: value[index : index + 1] for name, value in output.items()}, state)
        require(alone == [prediction], where, "decode answers otherwise when a record stands alone")


def _check_metrics(task: Task, output: Arrays, dataset: Dataset, states: Any, where: str) -> None:
    truth, metrics = dataset.target, task.target.metrics(states["target"])
    count = len(next(iter(output.values())))
    names = [metric.name for metric in metrics]
    require(bool(names) and len(set(names)) == len(names), where, f"metrics need names of their own: {names}")
    perfect = _perfect(task, dataset, states)
    drawn = np.random.default_rng(0).integers(0, count, count)
    counts = np.bincount(drawn, minlength=count).astype(np.float32)[None]
    again = {name: value[drawn] for name, value in output.items()}, {n: v[drawn] for n, v in truth.items()}
    for metric in metrics:
        right = metric.direction in ("higher", "lower") and bool(metric.unit)
        require(right, where, f"{metric.name} needs a unit and a direction, higher or lower")
        plain = _value(metric, output, truth, where)
        weighted = float(metric.value(output, truth, counts)[0])
        if metric.scores is not None:  # each may depend on the other records: a match is found among all of them
            scores = metric.scores(output, truth)
            same = scores.shape == (count,) and np.isclose(scores.mean(), plain, rtol=TOLERANCE, equal_nan=True)
            require(bool(same), where, f"{metric.name} is not the mean of its scores")
            repeated = float(counts[0] @ scores / counts.sum())
        else:
            repeated = _value(metric, *again, where)
        same = np.isclose(weighted, repeated, rtol=TOLERANCE, equal_nan=True)
        require(bool(same), where, f"{metric.name} weighted by counts is not that of the repeated records")
        gain = _value(metric, perfect, truth, where) - plain
        is_best = gain >= -TOLERANCE if metric.direction == "higher" else gain <= TOLERANCE
        require(bool(is_best) or np.isnan(gain), where, f"{metric.name} is worse where the loss is as low as it gets")


def _perfect(task: Task, dataset: Dataset, states: Any) -> Arrays:
    """Return what is kept of the output that gradient descent on the output itself finds best."""
    import torch

    from noria.pipeline.assembly import build

    batch = dataset.batch(slice(None))
    model = seeded(lambda: build(_job(), task, states))
    if type(task).step is not Task.step:  # the output alone cannot be improved: the weights are
        return _settled(task, _overfitted(task, model, batch), dataset, states)
    model = model.eval()
    with torch.no_grad():
        start = model(batch.inputs, batch.target)
    free = {name: value.clone().requires_grad_() for name, value in start.items() if value.is_floating_point()}
    optimizer = torch.optim.Adam(free.values(), 0.1)  # whatever the loss is a mean over: places, tokens, records
    for _ in range(FIT_STEPS):
        optimizer.zero_grad()
        loss = task.target.loss({**start, **free}, batch)["each"].sum()
        loss.backward(inputs=list(free.values()))  # type: ignore[no-untyped-call]
        optimizer.step()
    found = {**start, **{name: value.detach() for name, value in free.items()}}
    return _settled(task, _Fixed(found), dataset, states)


def _overfitted(task: Task, model: nn.Module, batch: Batch) -> nn.Module:
    import torch

    optimizer = torch.optim.Adam(model.train().parameters(), 1e-2)
    torch.manual_seed(1)
    for _ in range(FIT_STEPS // 3):
        optimizer.zero_grad()
        task.step(model, batch)["loss"].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval()


class _Fixed:
    """Stand in for a model whose output is known."""

    training = False

    def __init__(self, output: Output) -> None:
        self.output = output

    def __call__(self, inputs: Any, target: Any = None) -> Output:
        return self.output


def _value(metric: Metric, output: Arrays, truth: Arrays, where: str) -> float:
    count = len(next(iter(output.values())))
    values = metric.value(output, truth, np.ones((3, count), np.float32))
    require(values.shape == (3,) and np.allclose(values, values[0], equal_nan=True), where, f"{metric.name}: float[R]")
    return float(values[0])


def _check_trivial(task: Task, dataset: Dataset, states: Any, where: str) -> None:
    """Check that the trivial answer can be stored, scored and read."""
    learnt = {name: np.asarray(value) for name, value in task.baseline(dataset.target).items()}
    for name, value in learnt.items():
        require(value.shape[:1] == (1,), where, f"the baseline's {name!r} is {value.shape}, not [1, ...]")
        json_round_trip(value.tolist(), where)
    trivial = task.trivial(dataset, learnt)
    for metric in task.target.metrics(states["target"]):
        _value(metric, trivial, dataset.target, where)
    for prediction in task.target.decode(trivial, states["target"]):
        json_round_trip(prediction.as_json(), where)


def _job() -> Job:
    return Job.model_validate({"task": "checked", "model": {"width": WIDTH, "heads": 2, "depth": 1}})
