"""One record's way through a job, step by step: what it is, its shape, its unit and the milliseconds it took.

It needs no training and no data set: the task's own example goes through the model as it would be built, unless the
job's data is at hand. Knows no task.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from noria.contract import Task, answer_field
from noria.examples import column, records_like
from noria.job import Job, load_job
from noria.model.assemble import Model, build, joined
from noria.nouns import Batch, Record, Values
from noria.stages.fields import map_fields
from noria.stages.prepare import open_data, prepare

LIKE = 12  # made-up records beside the example that the inputs are fitted to


@dataclass(frozen=True)
class Step:
    """One step of the way."""

    name: str
    what: str
    shape: str
    milliseconds: float


def trace(source: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> list[Step]:
    """Return the steps of one record's way: raw, encoded, tokens, trunk, output, prediction."""
    job, task = load_job(source, overrides)
    has_data = job.data.path is not None
    record, states = _from_data(job, task) if has_data else _from_example(task)
    torch.manual_seed(job.train.seed)
    return list(_walk(task, record, states, build(job, task, states).eval()))


def table(steps: Sequence[Step]) -> str:
    """Return the steps as aligned text."""
    rows = [("step", "what it is", "shape", "ms"), *((s.name, s.what, s.shape, f"{s.milliseconds:.2f}") for s in steps)]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=False)), row[3].rjust(widths[3])])
        for row in rows
    )


def _walk(task: Task, record: Record, states: dict[str, Any], model: Model) -> Any:
    inputs: dict[str, dict[str, torch.Tensor]] = {}
    for name, modality in task.inputs.items():
        value = record.fields[name]
        yield Step(f"record {name}", f"{type(modality).__name__}, as {record.where}", _describe(value), 0.0)
        clock = _Clock()
        encoded = modality.encode(_column(value), states["inputs"][name])
        for key, array in encoded.arrays.items():
            yield Step(f"encode {name}.{key}", f"{array.dtype}, one record a row", _shape(array), clock.lap())
        inputs[name] = {key: torch.from_numpy(np.array(array)) for key, array in encoded.arrays.items()}
    with torch.inference_mode():
        clock, parts = _Clock(), []
        for name, embed in model.embedders.items():
            parts.append(embed(inputs[name]))
            yield Step(
                f"embed {name}", f"{_weights(embed)} weights; tokens [B, T, D]", _shape(parts[-1].features), clock.lap()
            )
        tokens = model.trunk(joined(parts), model.attention)
        depth = model.trunk.settings.depth
        about = (
            f"{depth} blocks, {model.attention} attention, {_weights(model.trunk)} weights"
            if depth
            else "depth 0: nothing to do"
        )
        yield Step("trunk", about, _shape(tokens.features), clock.lap())
        output = model.head(tokens)
        milliseconds = clock.lap()
        for key, value in output.items():
            yield Step(f"head {key}", f"{_weights(model.head)} weights", _shape(value), milliseconds)
        arrays = {key: value.float().numpy() for key, value in output.items()}
        clock = _Clock()
        prediction = task.target.decode(arrays, states["target"])[0]
    yield Step("decode", "the answer of a model that has learnt nothing yet", str(prediction.value), clock.lap())
    answer = record.fields.get(answer_field(task))
    if answer is not None:
        batch = Batch(
            inputs,
            {k: torch.from_numpy(v) for k, v in task.target.encode([answer], states["target"]).arrays.items()},
            1,
        )
        loss = task.target.loss(output, batch)["loss"]
        yield Step("loss", f"against the true answer {answer}", f"{loss.item():.4f}", 0.0)


def _from_example(task: Task) -> tuple[Record, dict[str, Any]]:
    """Learn what states need from the example, records like it and a second, made-up answer."""
    record = task.example()
    answer = record.fields[answer_field(task)]
    target = task.target.fit([answer, _other(answer)])
    like = [record.fields, *records_like(task, LIKE)]  # one row alone has only constant columns
    inputs = {name: modality.fit(column([one[name] for one in like])) for name, modality in task.inputs.items()}
    return record, {"inputs": inputs, "target": target}


def _from_data(job: Job, task: Task) -> tuple[Record, dict[str, Any]]:
    prepared = prepare(job, task)
    source = open_data(job, task)
    mapping = map_fields(source.columns, task, job.data.fields, needs_answer=True)
    rows = next(rows for rows in source.rows(chunk_size=64) if len(rows))
    fields = {
        name: rows.columns[columns][0] if isinstance(columns, str) else {one: rows.columns[one][0] for one in columns}
        for name, columns in mapping.items()
    }
    return Record(fields, rows.where(0)), prepared.states


def _other(answer: Any) -> Any:
    return answer + 1 if isinstance(answer, int | float) else f"not {answer}"


def _column(value: Any) -> Values:
    return {key: [one] for key, one in value.items()} if isinstance(value, Mapping) else [value]


def _describe(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {_shape(value)}"
    return f"{len(value)} columns" if isinstance(value, Mapping) else repr(value)[:40]


def _shape(array: Any) -> str:
    return "[" + ", ".join(map(str, array.shape)) + "]"


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
