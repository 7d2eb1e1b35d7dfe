"""The contract as checks that run: does a modality, a target or a task keep what contract.py promises?

    from noria.checks import check_task
    check_task(MyTask())

Each check raises CheckFailed with one sentence, or returns. The tests run them over every spoke that
noria.contract.registry knows; the author of a spoke elsewhere can do the same. Knows no task. Read next: contract.py,
whole_checks.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from noria.checking import TOLERANCE, WIDTH, CheckFailed, as_arrays, is_same, json_round_trip, require, seeded
from noria.contract import Attention, Modality, Takes, Target, Task, answer_field
from noria.contract.examples import column, fitted, records_like
from noria.types import Arrays, Dataset, Encoded, Ragged, Record, State, Tokens, Values, as_tensors
from noria.whole_checks import check_whole

__all__ = ["CheckFailed", "check_modality", "check_padding", "check_target", "check_task"]

if TYPE_CHECKING:
    from torch import Tensor


def check_modality(modality: Modality, values: Values) -> None:
    """Check a modality on raw values, at least three, all of them good."""
    where = type(modality).__name__
    _check_spoke(modality, where)
    state = json_round_trip(modality.fit(values), where)
    encoded = modality.encode(values, state)
    count = _length(values)
    _check_encoded(encoded, count, where)
    require(not encoded.bad, where, f"encode refuses good values: {encoded.bad}")
    _check_order(modality, values, state, encoded.arrays, where)
    _check_bad_values(modality, values, state, where)
    for index in range(count):
        shown = modality.decode(_row(encoded.arrays, index), state)
        require(isinstance(shown, np.ndarray | str | Mapping), where, f"decode must give what can be shown: {shown!r}")
    _check_embedder(modality, values, state, encoded.arrays, where)


def check_target(target: Target, values: Values) -> None:
    """Check what a target learns and encodes, on raw answers, at least eight, all good and not all the same.

    Its head, loss, answers and metrics are checked within a task: some need what the task's inputs hold.
    """
    where = type(target).__name__
    _check_spoke(target, where)
    state = json_round_trip(target.fit(values), where)
    encoded = target.encode(values, state)
    _check_encoded(encoded, _length(values), where)
    require(not encoded.bad, where, f"encode refuses good answers: {encoded.bad}")
    _check_order(target, values, state, encoded.arrays, where)
    _check_bad_values(target, values, state, where)
    for index, shown in enumerate(target.truth(encoded.arrays, state)):
        require(shown is None or bool(str(shown)), where, f"the truth of answer {index} cannot be read")


def check_padding(target: Target, values: Values) -> None:
    """Check that a target's head gives the same for a record whether or not its tokens are followed by padding."""
    import torch

    where = type(target).__name__
    head = seeded(lambda: target.head(target.fit(values), WIDTH)).eval()
    features = torch.randn(2, 3, WIDTH, generator=torch.Generator().manual_seed(1))
    padded = torch.cat([features, torch.full((2, 2, WIDTH), 7.0)], 1)
    is_real = torch.arange(5).expand(2, 5) < 3
    with torch.inference_mode():
        short, long = as_arrays(head(Tokens(features))), as_arrays(head(Tokens(padded, is_real)))
    for name, value in short.items():
        padded_one = long[name][:, : value.shape[1]] if value.ndim > 2 else long[name]  # one for each token, or one
        same = value.shape == padded_one.shape and np.allclose(value, padded_one, TOLERANCE, TOLERANCE)
        require(same, where, f"padding changes the output {name!r}")


def check_task(task: Task, records: Sequence[Mapping[str, Any]] | None = None) -> None:
    """Check a task and how its parts go together, on records like its example or on those given (at least eight)."""
    where = type(task).__name__
    example = task.example()
    fields = [*task.inputs, answer_field(task)]
    require(isinstance(example, Record) and set(fields) <= set(example.fields), where, f"example needs {fields}")
    require(task.attention in get_args(Attention), where, f"attention must be one of {', '.join(get_args(Attention))}")
    records = records or records_like(task, 16)
    answers = [record[answer_field(task)] for record in records]
    columns = {name: column([record[name] for record in records]) for name in task.inputs}
    for name, modality in task.inputs.items():
        check_modality(modality, columns[name])
    check_target(task.target, answers)
    states = fitted(task, records)
    encoded = {name: modality.encode(columns[name], states["inputs"][name]) for name, modality in task.inputs.items()}
    truth = task.target.encode(answers, states["target"]).arrays
    dataset = Dataset({name: one.arrays for name, one in encoded.items()}, truth)
    misfits = task.misfits(dataset.inputs, truth)
    require(not misfits, where, f"misfits refuses good answers: {misfits}")
    check_whole(task, dataset, states, where)
    _check_example(task, example, states, where)


def _check_spoke(spoke: Any, where: str) -> None:
    parameters = vars(type(spoke)).get("__dataclass_params__")
    is_frozen = dataclasses.is_dataclass(spoke) and parameters is not None and parameters.frozen
    require(is_frozen, where, "a spoke is a frozen dataclass: its fields are its settings")
    require(spoke.takes in get_args(Takes), where, f"takes must be one of {', '.join(get_args(Takes))}")


def _check_encoded(encoded: Encoded, count: int, where: str) -> None:
    require(bool(encoded.arrays), where, "encode gives no array")
    for name, array in encoded.arrays.items():
        is_plain = isinstance(array, Ragged) or (isinstance(array, np.ndarray) and array.dtype.kind in "biuf")
        require(is_plain, where, f"encode must give arrays of numbers, or Ragged; {name!r} is none")
        require(len(array) == count, where, f"the first axis of {name!r} is not the number of values, {count}")
    for index, reason in encoded.bad.items():
        require(0 <= index < count and bool(reason), where, f"bad value {index} of {count} has no place or no reason")


def _check_order(spoke: Modality | Target, values: Values, state: State, arrays: Arrays, where: str) -> None:
    """Check that a value is encoded in the same way whatever stands beside it."""
    count = _length(values)
    for chosen in ([0], [count - 1], list(range(count))[::-1], []):
        encoded = spoke.encode(_select(values, chosen), state)
        _check_encoded(encoded, len(chosen), where)
        for name, array in arrays.items():
            require(
                is_same(encoded.arrays[name], array[np.array(chosen, np.int64)]),
                where,
                f"encode gives other {name!r} when the values stand alone or in another order",
            )


def _check_bad_values(spoke: Modality | Target, values: Values, state: State, where: str) -> None:
    """Check that what is not a value is flagged where it stands, and that its neighbours do not suffer."""
    good = spoke.encode(_select(values, [0, 1]), state).arrays
    if isinstance(values, Mapping):
        cells: list[Any] = [None, "junk", float("inf"), [], b"\xff"]
        hostile: list[Any] = [dict.fromkeys(values, cell) for cell in cells]
        must_flag: list[Any] = []
    else:
        hostile = [None, float("nan"), b"", b"junk", [], {}, object(), "\ud800"]
        is_file = spoke.takes == "file"
        is_optional = isinstance(spoke, Modality) and spoke.is_optional
        must_flag = [None, b"", b"junk"] if is_file else [] if is_optional else [None]
    for junk in hostile:
        first, second = (_single(values, index) for index in (0, 1))
        encoded = spoke.encode(column([first, junk, second]), state)
        _check_encoded(encoded, 3, where)
        require(set(encoded.bad) <= {1}, where, f"encode blames a good value for its neighbour {junk!r}: {encoded.bad}")
        is_flagged = 1 in encoded.bad or not any(junk is one or junk == one for one in must_flag)
        require(is_flagged, where, f"encode takes {junk!r} for a value")
        for name, array in good.items():
            require(
                is_same(encoded.arrays[name][np.array([0, 2])], array),
                where,
                f"{junk!r} changes how its neighbours are encoded",
            )


def _check_embedder(modality: Modality, values: Values, state: State, arrays: Arrays, where: str) -> None:
    import torch

    embed = seeded(lambda: modality.embedder(state, WIDTH)).eval()
    with torch.inference_mode():
        tokens: Tokens = embed(_tensors(arrays))
        alone: Tokens = embed(_tensors(arrays, slice(0, 1)))
    count, width = _length(values), getattr(embed, "width", None)
    shape = tuple(tokens.features.shape)
    require(len(shape) == 3 and shape[0] == count, where, f"an embedder gives [B, T, D], not {list(shape)}")
    require(shape[2] == width, where, f"the embedder's width is {width}, its tokens have {shape[2]} features")
    require(bool(tokens.features.isfinite().all()), where, "the embedder gives what is not a finite number")
    if tokens.is_real is not None:
        right = tokens.is_real.dtype == torch.bool and tuple(tokens.is_real.shape) == shape[:2]
        require(right, where, "is_real must be bool[B, T]")
    if tokens.positions is not None:
        require(tuple(tokens.positions.shape) == shape[:2], where, "positions must be int[B, T]")
    for index in range(count):
        real = shape[1] if tokens.is_real is None else int(tokens.is_real[index].sum())
        spans = len(modality.spans(_single(values, index), state))
        require(spans == real, where, f"value {index} has {real} tokens and {spans} spans")
    first = tokens.features[:1] if tokens.is_real is None else tokens.features[:1, tokens.is_real[0]]
    own = alone.features if alone.is_real is None else alone.features[:, alone.is_real[0]]
    same = first.shape == own.shape and torch.allclose(first, own, TOLERANCE, TOLERANCE)
    require(same, where, "the embedder gives a value other tokens when it stands alone")


def _check_example(task: Task, example: Record, states: Any, where: str) -> None:
    for name, modality in task.inputs.items():
        encoded = modality.encode(column([example.fields[name]]), states["inputs"][name])
        require(not encoded.bad, where, f"the example's {name} cannot be encoded: {encoded.bad}")
        modality.decode(_row(encoded.arrays, 0), states["inputs"][name])
    answer = example.fields[answer_field(task)]
    other = records_like(task, 8)
    state = task.target.fit([answer, *(record[answer_field(task)] for record in other)])
    require(not task.target.encode([answer], state).bad, where, "the example's answer cannot be encoded")


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


def _tensors(arrays: Arrays, indices: slice = slice(None)) -> dict[str, Tensor]:
    return as_tensors(arrays, indices, "cpu")
