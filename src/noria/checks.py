"""The contract as checks that run: does a modality, a target or a task keep what contract.py promises?

    from noria.checks import check_task
    check_task(MyTask())

Each check raises CheckFailed with one sentence, or returns. The tests run them over every spoke that noria.find knows;
the author of a spoke elsewhere can do the same. Knows no task. Read next: contract.py.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from noria.contract import Attention, Metric, Modality, Takes, Target, Task, answer_field
from noria.errors import UserError
from noria.examples import column, records_like
from noria.nouns import Arrays, Batch, Encoded, Prediction, Record, State, Tokens, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

WIDTH = 32
TOLERANCE = 1e-4  # on outputs of one batch and another, absolute and relative: sums in another order
FIT_STEPS = 300  # of gradient descent on an output itself, towards a perfect one


class CheckFailed(UserError):
    """A spoke does not keep the contract; `where` is the spoke."""


def check_modality(modality: Modality, values: Values) -> None:
    """Check a modality on raw values, at least three, all of them good."""
    where = type(modality).__name__
    _check_spoke(modality, where)
    _require(modality.takes in get_args(Takes), where, f"takes must be one of {', '.join(get_args(Takes))}")
    state = _json_round_trip(modality.fit(values), where)
    encoded = modality.encode(values, state)
    count = _length(values)
    _check_encoded(encoded, count, where)
    _require(not encoded.bad, where, f"encode refuses good values: {encoded.bad}")
    _check_order(modality, values, state, encoded.arrays, where)
    _check_bad_values(modality, values, state, where)
    for index in range(count):
        shown = modality.decode(_row(encoded.arrays, index), state)
        _require(isinstance(shown, np.ndarray | str | Mapping), where, f"decode must give what can be shown: {shown!r}")
    _check_embedder(modality, values, state, encoded.arrays, where)


def check_target(target: Target, values: Values) -> None:
    """Check a target on raw answers, at least eight, all of them good and not all the same."""
    where = type(target).__name__
    _check_spoke(target, where)
    state = _json_round_trip(target.fit(values), where)
    encoded = target.encode(values, state)
    count = _length(values)
    _check_encoded(encoded, count, where)
    _require(not encoded.bad, where, f"encode refuses good answers: {encoded.bad}")
    _check_order(target, values, state, encoded.arrays, where)
    _check_bad_values(target, values, state, where)
    output = _check_head(target, state, encoded.arrays, count, where)
    _check_decode(target, output, state, where)
    _check_metrics(target, output, encoded.arrays, state, where)
    for panel in target.panels(output, encoded.arrays, state):
        _json_round_trip(panel.data, where)


def check_padding(target: Target, values: Values) -> None:
    """Check that a target's head gives the same for a record whether or not its tokens are followed by padding."""
    import torch

    where = type(target).__name__
    head = _seeded(lambda: target.head(target.fit(values), WIDTH)).eval()
    features = torch.randn(2, 3, WIDTH, generator=torch.Generator().manual_seed(1))
    padded = torch.cat([features, torch.full((2, 2, WIDTH), 7.0)], 1)
    is_real = torch.arange(5).expand(2, 5) < 3
    with torch.inference_mode():
        short, long = _as_arrays(head(Tokens(features))), _as_arrays(head(Tokens(padded, is_real)))
    for name, value in short.items():
        same = value.shape == long[name].shape and np.allclose(value, long[name], TOLERANCE, TOLERANCE)
        _require(same, where, f"padding changes the output {name!r}")


def check_task(task: Task, records: Sequence[Mapping[str, Any]] | None = None) -> None:
    """Check a task and how its parts go together, on records like its example or on those given (at least eight)."""
    where = type(task).__name__
    example = task.example()
    fields = [*task.inputs, answer_field(task)]
    _require(isinstance(example, Record) and set(fields) <= set(example.fields), where, f"example needs {fields}")
    _require(task.attention in get_args(Attention), where, f"attention must be one of {', '.join(get_args(Attention))}")
    records = records or records_like(task, 16)
    answers = [record[answer_field(task)] for record in records]
    columns = {name: column([record[name] for record in records]) for name in task.inputs}
    for name, modality in task.inputs.items():
        check_modality(modality, columns[name])
    check_target(task.target, answers)
    states = {"inputs": {n: m.fit(columns[n]) for n, m in task.inputs.items()}, "target": task.target.fit(answers)}
    truth = task.target.encode(answers, states["target"]).arrays
    output = _check_model(task, columns, truth, states, where)
    trivial = task.baseline(truth)
    for name, value in output.items():
        _require(name in trivial, where, f"the baseline has no output {name!r}")
        shape = np.asarray(trivial[name]).shape
        _require(
            shape == (1, *value.shape[1:]), where, f"the baseline's {name!r} is {shape}, not [1, ...] of a record's"
        )
    for prediction in task.target.decode({n: np.asarray(v) for n, v in trivial.items()}, states["target"]):
        _json_round_trip(prediction.as_json(), where)
    _check_example(task, example, states, where)


def _check_spoke(spoke: Any, where: str) -> None:
    parameters = vars(type(spoke)).get("__dataclass_params__")
    is_frozen = dataclasses.is_dataclass(spoke) and parameters is not None and parameters.frozen
    _require(is_frozen, where, "a spoke is a frozen dataclass: its fields are its settings")


def _check_encoded(encoded: Encoded, count: int, where: str) -> None:
    _require(bool(encoded.arrays), where, "encode gives no array")
    for name, array in encoded.arrays.items():
        is_plain = isinstance(array, np.ndarray) and array.dtype.kind in "biuf"
        _require(is_plain, where, f"encode must give arrays of numbers; {name!r} is none")
        _require(array.shape[:1] == (count,), where, f"the first axis of {name!r} is not the number of values, {count}")
    for index, reason in encoded.bad.items():
        _require(0 <= index < count and bool(reason), where, f"bad value {index} of {count} has no place or no reason")


def _check_order(spoke: Modality | Target, values: Values, state: State, arrays: Arrays, where: str) -> None:
    """Check that a value is encoded in the same way whatever stands beside it."""
    count = _length(values)
    for chosen in ([0], [count - 1], list(range(count))[::-1], []):
        encoded = spoke.encode(_select(values, chosen), state)
        _check_encoded(encoded, len(chosen), where)
        for name, array in arrays.items():
            same = np.array_equal(encoded.arrays[name], array[chosen], equal_nan=array.dtype.kind == "f")
            _require(same, where, f"encode gives other {name!r} when the values stand alone or in another order")


def _check_bad_values(spoke: Modality | Target, values: Values, state: State, where: str) -> None:
    """Check that what is not a value is flagged where it stands, and that its neighbours do not suffer."""
    good = spoke.encode(_select(values, [0, 1]), state).arrays
    if isinstance(values, Mapping):
        cells: list[Any] = [None, "junk", float("inf"), [], b"\xff"]
        hostile: list[Any] = [dict.fromkeys(values, cell) for cell in cells]
        must_flag: list[Any] = []
    else:
        hostile = [None, float("nan"), b"", b"junk", [], {}, object(), "\ud800"]
        must_flag = [None, b"", b"junk"] if isinstance(spoke, Modality) and spoke.takes == "file" else [None]
    for junk in hostile:
        first, second = (_single(values, index) for index in (0, 1))
        encoded = spoke.encode(column([first, junk, second]), state)
        _check_encoded(encoded, 3, where)
        _require(
            set(encoded.bad) <= {1}, where, f"encode blames a good value for its neighbour {junk!r}: {encoded.bad}"
        )
        is_flagged = 1 in encoded.bad or not any(junk is one or junk == one for one in must_flag)
        _require(is_flagged, where, f"encode takes {junk!r} for a value")
        for name, array in good.items():
            same = np.array_equal(encoded.arrays[name][[0, 2]], array, equal_nan=array.dtype.kind == "f")
            _require(same, where, f"{junk!r} changes how its neighbours are encoded")


def _check_embedder(modality: Modality, values: Values, state: State, arrays: Arrays, where: str) -> None:
    import torch

    embed = _seeded(lambda: modality.embedder(state, WIDTH)).eval()
    with torch.inference_mode():
        tokens: Tokens = embed(_tensors(arrays))
        alone: Tokens = embed(_tensors({name: array[:1] for name, array in arrays.items()}))
    count, width = _length(values), getattr(embed, "width", None)
    shape = tuple(tokens.features.shape)
    _require(len(shape) == 3 and shape[0] == count, where, f"an embedder gives [B, T, D], not {list(shape)}")
    _require(shape[2] == width, where, f"the embedder's width is {width}, its tokens have {shape[2]} features")
    _require(bool(tokens.features.isfinite().all()), where, "the embedder gives what is not a finite number")
    if tokens.is_real is not None:
        right = tokens.is_real.dtype == torch.bool and tuple(tokens.is_real.shape) == shape[:2]
        _require(right, where, "is_real must be bool[B, T]")
    if tokens.positions is not None:
        _require(tuple(tokens.positions.shape) == shape[:2], where, "positions must be int[B, T]")
    for index in range(count):
        real = shape[1] if tokens.is_real is None else int(tokens.is_real[index].sum())
        spans = len(modality.spans(_single(values, index), state))
        _require(spans == real, where, f"value {index} has {real} tokens and {spans} spans")
    first = tokens.features[:1] if tokens.is_real is None else tokens.features[:1, tokens.is_real[0]]
    own = alone.features if alone.is_real is None else alone.features[:, alone.is_real[0]]
    same = first.shape == own.shape and torch.allclose(first, own, TOLERANCE, TOLERANCE)
    _require(same, where, "the embedder gives a value other tokens when it stands alone")


def _check_head(target: Target, state: State, truth: Arrays, count: int, where: str) -> Arrays:
    """Check head and loss; return an output of the untrained head."""
    import torch

    head = _seeded(lambda: target.head(state, WIDTH))
    tokens = Tokens(torch.randn(count, 3, WIDTH, generator=torch.Generator().manual_seed(0)))
    batch = Batch({}, _tensors(truth), count)
    _check_loss(target.loss(head.train()(tokens), batch), count, head, where)
    with torch.inference_mode():
        output = head.eval()(tokens)
    for name, value in output.items():
        right = value.shape[:1] == (count,) and bool(value.isfinite().all())
        _require(right, where, f"the output {name!r} must be finite, its first axis the records")
    return _as_arrays(output)


def _check_loss(parts: Mapping[str, Tensor], count: int, module: nn.Module, where: str) -> None:
    """Check a loss and that every weight learns from it."""
    _require("loss" in parts and "each" in parts, where, 'the loss must have the parts "loss" and "each"')
    for name, value in parts.items():
        _require(bool(value.isfinite().all()), where, f"the part {name!r} of the loss is not finite")
    _require(parts["loss"].ndim == 0, where, '"loss" must be one number')
    _require(tuple(parts["each"].shape) == (count,), where, f'"each" must be one number a record, [{count}]')
    parts["loss"].backward()  # type: ignore[no-untyped-call]
    for name, weight in module.named_parameters():
        _require(not weight.requires_grad or weight.grad is not None, where, f"no gradient reaches {name}")
        is_finite = weight.grad is None or bool(weight.grad.isfinite().all())
        _require(is_finite, where, f"the gradient of {name} is not finite")


def _check_decode(target: Target, output: Arrays, state: State, where: str) -> None:
    count = len(next(iter(output.values())))
    predictions = target.decode(output, state)
    _require(len(predictions) == count, where, f"decode gives {len(predictions)} predictions for {count} records")
    for index, prediction in enumerate(predictions):
        _require(isinstance(prediction, Prediction), where, "decode must give Predictions")
        _json_round_trip(prediction.as_json(), where)
        sure = prediction.confidence
        _require(sure is None or 0 <= sure <= 1, where, f"a confidence lies in 0 to 1, not at {sure}")
        alone = target.decode({name: value[index : index + 1] for name, value in output.items()}, state)
        _require(alone == [prediction], where, "decode answers otherwise when a record stands alone")


def _check_metrics(target: Target, output: Arrays, truth: Arrays, state: State, where: str) -> None:
    metrics = target.metrics(state)
    count = len(next(iter(output.values())))
    names = [metric.name for metric in metrics]
    _require(bool(names) and len(set(names)) == len(names), where, f"metrics need names of their own: {names}")
    perfect = _perfect(target, output, truth, count)
    drawn = np.random.default_rng(0).integers(0, count, count)
    again = {name: value[drawn] for name, value in output.items()}, {n: v[drawn] for n, v in truth.items()}
    for metric in metrics:
        right = metric.direction in ("higher", "lower") and bool(metric.unit)
        _require(right, where, f"{metric.name} needs a unit and a direction, higher or lower")
        plain = _value(metric, output, truth, where)
        if metric.scores is not None:
            scores = metric.scores(output, truth)
            same = scores.shape == (count,) and np.isclose(scores.mean(), plain, rtol=TOLERANCE)
            _require(bool(same), where, f"{metric.name} is not the mean of its scores")
        counts = np.bincount(drawn, minlength=count).astype(np.float32)[None]
        weighted = float(metric.value(output, truth, counts)[0])
        same = np.isclose(weighted, _value(metric, *again, where), rtol=TOLERANCE, equal_nan=True)
        _require(bool(same), where, f"{metric.name} weighted by counts is not that of the repeated records")
        gain = _value(metric, perfect, truth, where) - plain
        is_best = gain >= -TOLERANCE if metric.direction == "higher" else gain <= TOLERANCE
        _require(bool(is_best), where, f"{metric.name} is worse where the loss is as low as it gets")


def _perfect(target: Target, output: Arrays, truth: Arrays, count: int) -> Arrays:
    """Return the output that gradient descent on the output itself finds best."""
    import torch

    free = {name: torch.tensor(value).requires_grad_() for name, value in output.items()}
    batch = Batch({}, _tensors(truth), count)
    rate, speed = 0.3, {name: torch.zeros_like(value) for name, value in free.items()}
    for _ in range(FIT_STEPS):
        loss = target.loss(dict(free), batch)["each"].sum()
        gradients = torch.autograd.grad(loss, list(free.values()), allow_unused=True)
        with torch.no_grad():
            for (name, value), gradient in zip(free.items(), gradients, strict=True):
                if gradient is not None:
                    speed[name] = 0.5 * speed[name] + gradient
                    value -= rate * speed[name]
    return {name: value.detach().numpy() for name, value in free.items()}


def _value(metric: Metric, output: Arrays, truth: Arrays, where: str) -> float:
    count = len(next(iter(output.values())))
    values = metric.value(output, truth, np.ones((3, count), np.float32))
    _require(values.shape == (3,) and np.allclose(values, values[0], equal_nan=True), where, f"{metric.name}: float[R]")
    return float(values[0])


def _check_model(task: Task, columns: dict[str, Values], truth: Arrays, states: Any, where: str) -> Arrays:
    """Check the whole model that is put together for the task; return its output."""
    import torch

    from noria.job import Job
    from noria.model.assemble import build

    job = Job.model_validate({"task": "checked", "model": {"width": WIDTH, "heads": 2, "depth": 1}})
    model = _seeded(lambda: build(job, task, states))
    inputs = {
        name: _tensors(modality.encode(columns[name], states["inputs"][name]).arrays)
        for name, modality in task.inputs.items()
    }
    count = len(next(iter(truth.values())))
    _check_loss(task.step(model.train(), Batch(inputs, _tensors(truth), count)), count, model, where)
    with torch.inference_mode():
        together = _as_arrays(model.eval()(inputs))
        for index in (0, count - 1):
            one = {f: {n: tensor[index : index + 1] for n, tensor in part.items()} for f, part in inputs.items()}
            for name, value in _as_arrays(model(one)).items():
                same = np.allclose(value[0], together[name][index], TOLERANCE, TOLERANCE)
                _require(same, where, f"the output {name!r} of a record depends on the batch it comes in")
    return together


def _check_example(task: Task, example: Record, states: Any, where: str) -> None:
    for name, modality in task.inputs.items():
        encoded = modality.encode(column([example.fields[name]]), states["inputs"][name])
        _require(not encoded.bad, where, f"the example's {name} cannot be encoded: {encoded.bad}")
        modality.decode(_row(encoded.arrays, 0), states["inputs"][name])
    answer = example.fields[answer_field(task)]
    other = records_like(task, 8)
    state = task.target.fit([answer, *(record[answer_field(task)] for record in other)])
    _require(not task.target.encode([answer], state).bad, where, "the example's answer cannot be encoded")


def _require(holds: bool, where: str, what: str) -> None:
    if not holds:
        raise CheckFailed(what, where=where)


def _json_round_trip(value: Any, where: str) -> Any:
    """Return a value as it comes back from JSON; it must be the same."""
    try:
        back = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise CheckFailed(f"this must be JSON: {error}", where=where, found=repr(value)[:200]) from error
    _require(back == value, where, "this does not survive JSON: tuples, or keys that are not text")
    return back


def _length(values: Values) -> int:
    return len(next(iter(values.values()))) if isinstance(values, Mapping) else len(values)


def _select(values: Values, chosen: Sequence[int]) -> Values:
    if isinstance(values, Mapping):
        return {name: [cells[i] for i in chosen] for name, cells in values.items()}
    return [values[i] for i in chosen]


def _single(values: Values, index: int) -> Any:
    if isinstance(values, Mapping):
        return {name: cells[index] for name, cells in values.items()}
    return values[index]


def _row(arrays: Arrays, index: int) -> Arrays:
    return {name: array[index] for name, array in arrays.items()}


def _tensors(arrays: Arrays) -> dict[str, Tensor]:
    import torch

    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def _as_arrays(output: Mapping[str, Tensor]) -> Arrays:
    return {name: value.float().numpy() for name, value in output.items()}


def _seeded(make: Any) -> Any:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()
