"""One record's way through a model, a step at a time: raw, encoded, tokens, trunk, output, answer, loss.

Knows no task. Read next: stages/trace.py, model/network.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from noria.contract import Task, answer_field, dispatch
from noria.model.network import Model
from noria.pipeline.inference import model_output
from noria.types import Arrays, Batch, Dataset, Ragged, Record, Values

MOST_CHARACTERS = 40  # of a text that is shown


@dataclass(frozen=True)
class Step:
    """One step of the way."""

    name: str
    what: str
    shape: str
    milliseconds: float


def walk(task: Task, record: Record, states: dict[str, Any], model: Model) -> Iterator[Step]:
    """Yield each step from the raw record to its answer, and to its loss where the record says the true answer."""
    encoded: dict[str, Arrays] = {}
    for name, modality in task.inputs.items():
        value = record.fields.get(name)
        yield Step(f"record {name}", f"{type(modality).__name__}, as {record.where}", _describe(value), 0.0)
        clock = _Clock()
        encoded[name] = modality.encode(_column(value), states["inputs"][name]).arrays
        for key, array in encoded[name].items():
            yield Step(f"encode {name}.{key}", _type_of(array), _shape(array), clock.lap())
    answer = record.fields.get(answer_field(task))
    truth = {} if answer is None else task.target.encode([answer], states["target"]).arrays
    dataset = dispatch.windows(task, Dataset(encoded, truth)).select(slice(0, 1))
    batch = dataset.batch(slice(0, 1))
    with torch.inference_mode():
        yield from _through(model, batch)
        clock = _Clock()
        asked = model_output(
            dispatch.predict_step(task.target, model, Batch(batch.inputs, {}, batch.size), states["target"])
        )
        kept = dispatch.postprocess(task.target, asked, dataset.raw_inputs(slice(0, 1)), states["target"])
        prediction = task.target.decode(kept, states["target"])[0]
        about = "the answer of a model that has learnt nothing yet"
        yield Step("decode", about, str(prediction.value)[:MOST_CHARACTERS], clock.lap())
        if answer is not None:
            loss = dispatch.training_step(task.target, model, dispatch.augment(task, batch), states["target"])["loss"]
            shown = _describe(answer) if isinstance(answer, bytes | np.ndarray) else str(answer)[:MOST_CHARACTERS]
            yield Step("loss", f"against the true answer {shown}", f"{loss.item():.4f}", 0.0)


def _through(model: Model, batch: Batch) -> Iterator[Step]:
    """Yield the steps through the network."""
    clock = _Clock()
    for name, embed in model.embedders.items():
        tokens = embed(batch.inputs[name])
        about = f"{_weights(embed)} weights; tokens [B, T, D]"
        yield Step(f"embed {name}", about, _shape(tokens.features), clock.lap())
    clock = _Clock()
    mixed = model.mixed(batch.inputs, batch.target)
    blocks = getattr(model.trunk, "blocks", None)
    about = f"{model.attention} attention, {_weights(model.trunk)} weights"
    about = about if blocks is None else f"{len(blocks)} blocks, {about}"
    about = "depth 0: nothing to do" if blocks is not None and not len(blocks) else about
    yield Step("trunk", about, _shape(mixed.features), clock.lap())
    output = model.head(mixed)
    milliseconds = clock.lap()
    for key, value in output.items():
        yield Step(f"head {key}", f"{_weights(model.head)} weights", _shape(value), milliseconds)


def _column(value: Any) -> Values:
    return {key: [one] for key, one in value.items()} if isinstance(value, Mapping) else [value]


def _type_of(array: Any) -> str:
    kind = array.values.dtype if isinstance(array, Ragged) else array.dtype
    return f"{kind}, one record a row"


def _describe(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {_shape(value)}"
    return f"{len(value)} columns" if isinstance(value, Mapping) else repr(value)[:MOST_CHARACTERS]


def _shape(array: Any) -> str:
    shape = (len(array), *array[0].shape) if isinstance(array, Ragged) else array.shape
    return "[" + ", ".join(map(str, shape)) + "]"


def _weights(module: torch.nn.Module) -> str:
    return f"{sum(weight.numel() for weight in module.parameters()):,}"


class _Clock:
    def __init__(self) -> None:
        self._start = time.perf_counter()

    def lap(self) -> float:
        """Return the milliseconds since the last lap."""
        now = time.perf_counter()
        elapsed, self._start = 1000 * (now - self._start), now
        return elapsed
