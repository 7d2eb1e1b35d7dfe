"""Another engine than torch for the network's forward pass: the same predictor around it, and the same answers.

    records -> encoded -> [ network(inputs) -> outputs ] -> postprocess -> answers
                            the engine does this alone

Whatever engine a model is loaded with, its outputs on example records are held against torch's before it answers.
Knows no task. Read next: openvino_engine.py; predictor.py, which loads models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from noria.contract import Task, dispatch, streaming
from noria.contract.examples import records_like
from noria.errors import UserError, did_you_mean
from noria.pipeline.bundle import TORCH, Bundle
from noria.pipeline.encoder import RecordEncoder
from noria.pipeline.given import lacking, values_of
from noria.pipeline.openvino_engine import openvino_forward, require_openvino
from noria.pipeline.traced import Inputs, example_arrays
from noria.types import Arrays, Dataset, Output, Ragged

Forward = Callable[[Inputs], Output]
# By name: what raises UserError where the engine is not installed, and what makes a forward pass of a loaded bundle.
ENGINES: dict[str, tuple[Callable[[], object], Callable[[Bundle], Forward]]] = {
    "openvino": (require_openvino, openvino_forward),
}
# How far outputs may be from torch's in float32, as a share of their size, both as root mean squares. Of MiniLM and of
# the tiny models of the tests: up to 1e-6 in float32, 0.011 in bfloat16.
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.03}
TO_TORCH = 'let torch answer: engine="torch" in Python, --engine torch in a shell, evaluate.engine=torch in a job'

EXAMPLES = 6


def refuse_engine(engine: str, task: Task) -> None:
    """Raise UserError where an engine is not known, not installed, or can never answer a task: before training, too."""
    if engine == TORCH:
        return
    if engine not in ENGINES:
        raise UserError("there is no such engine", found=engine, fix=did_you_mean(engine, [TORCH, *ENGINES]))
    if dispatch.learns_nothing(task.target):
        raise UserError(f"there is no network that {engine} could run", where="evaluate.engine", fix=TO_TORCH)
    if streaming.can_generate(task.target):
        raise UserError(f"{engine} cannot write an answer token by token", where="evaluate.engine", fix=TO_TORCH)
    ENGINES[engine][0]()


def engine_network(bundle: Bundle, states: Mapping[str, Any]) -> nn.Module:
    """Return what takes the place of a bundle's network; raise UserError where it would not give the same answers."""
    refuse_engine(bundle.engine, bundle.task)
    bundle.model.to("cpu")  # what it is held against runs where it does
    network = EngineNetwork(bundle.engine, ENGINES[bundle.engine][1](bundle))
    check_same(bundle, network, example_records(bundle, states), states)
    return network


class EngineNetwork(nn.Module):
    """One forward pass by an engine; who asks for anything else of a network is told that there is nothing else."""

    def __init__(self, engine: str, run: Forward) -> None:
        super().__init__()
        self.engine, self.run = engine, run

    def forward(self, inputs: Inputs) -> Output:
        return self.run(inputs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("_"):  # of Python's own
                raise
            what = f"this answer takes more than one forward pass of the network, which {self.engine} does not give"
            raise UserError(what, found=f"the network's `{name}` is asked for", fix=TO_TORCH) from None


def check_same(bundle: Bundle, network: nn.Module, records: Dataset, states: Mapping[str, Any]) -> None:
    """Raise UserError where an engine's outputs are not torch's, or where the answer asks more of it than outputs."""
    # All together, another number than it was made with, and one alone.
    batches = [records.batch(indices) for indices in (slice(None), slice(0, 1))]
    with torch.inference_mode():
        for batch in batches:
            dispatch.predict_step(bundle.task.target, network, batch, states["target"])
        expected = [bundle.model(batch.inputs) for batch in batches]
        given = [network(batch.inputs) for batch in batches]
    tolerance = TOLERANCES[bundle.precision]
    for name in expected[0]:
        apart = distance([one[name] for one in given], [one[name] for one in expected])
        if not apart <= tolerance:  # nor is it where there is NaN
            raise UserError(
                f"{bundle.engine} does not give the answers of torch",
                where=str(bundle.path),
                expected=f"{name} at most {tolerance:.2%} apart, in {bundle.precision}",
                found=f"{apart:.2%} on {len(records)} example records",
                fix=TO_TORCH,
            )


def distance(given: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Return the root mean square of the difference as a share of that of what is expected, over all of them.

    Equal infinities are no difference. Outputs of another shape are infinitely far, and so are whole numbers that
    differ.
    """
    if any(one.shape != other.shape for one, other in zip(given, expected, strict=True)):
        return inf
    if not expected[0].is_floating_point():
        return 0.0 if all(map(torch.equal, given, expected)) else inf
    found, wanted = (torch.cat([one.double().flatten() for one in some]) for some in (given, expected))
    apart = (found - wanted)[found != wanted].square().sum()
    return float((apart / wanted[wanted.isfinite()].square().sum()).sqrt()) if apart else 0.0


def example_records(bundle: Bundle, states: Mapping[str, Any]) -> Dataset:
    """Return encoded records like the task's own example; where the model cannot read these, of zeros and noise.

    Rows of unequal length are made still more so, as an engine is compiled for any length.
    """
    records = [{name: one[name] for name in bundle.task.inputs} for one in records_like(bundle.task, EXAMPLES)]
    if not any(lacking(bundle, one) for one in records):  # of a table it has other columns
        values = {name: values_of(bundle, name, records, None) for name in bundle.task.inputs}
        read = RecordEncoder(bundle.task, states, {}).encode(values, [""] * len(records), [""] * len(records)).records
        if len(read):
            return Dataset(_each(read.inputs, _longer), {})
    return Dataset(_each(example_arrays(bundle.config["arrays"]), _noisy), {})


def _each(inputs: Mapping[str, Arrays], change: Callable[[Any], Any]) -> dict[str, Arrays]:
    return {field: {name: change(values) for name, values in part.items()} for field, part in inputs.items()}


def _noisy(values: Any) -> Any:
    """Return values with noise in those that are no codes."""
    plain = values.values if isinstance(values, Ragged) else values
    if plain.dtype.kind == "f":
        plain += np.random.default_rng(0).normal(size=plain.shape).astype(plain.dtype)
    return values


def _longer(values: Any) -> Any:
    """Return rows of unequal length, every other one twice over."""
    if not isinstance(values, Ragged):
        return values
    rows = [values[index] for index in range(len(values))]
    doubled = [np.concatenate([row, row]) if index % 2 else row for index, row in enumerate(rows)]
    return Ragged.of(doubled, values.values.dtype, values.values.shape[1:])
