"""The network as exporters want it: its inputs one by one by plain names, an example of each, and which axes are free.

Names are `field.array`, as in a batch, lengths of rows among them. Read next: openvino_engine.py, stages/export.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from noria.types import Arrays, Dataset, Ragged

EXAMPLE_LENGTH = 8  # of a row of unequal length

Inputs = Mapping[str, Mapping[str, Tensor]]
Shapes = Mapping[str, Mapping[str, list[Any]]]  # the `arrays` of a bundle's config


class Traceable(NamedTuple):
    """What an exporter is given. `names` are those of the tensors; those of the outputs are `network.outputs`."""

    network: FlatNetwork
    names: list[str]
    tensors: tuple[Tensor, ...]
    dynamic_shapes: dict[str, tuple[dict[int, Any], ...]]


def traceable(model: nn.Module, inputs: Inputs, shapes: Shapes) -> Traceable:
    """Return a model ready to be exported for these inputs, on which it has run once."""
    example = flat(inputs)
    network = FlatNetwork(model.to("cpu"), list(example)).eval()
    tensors = tuple(example.values())
    with torch.inference_mode():
        network(*tensors)
    batch = torch.export.Dim("batch", min=1)
    free = tuple(_free_axes(shapes, name, batch) for name in example)
    return Traceable(network, list(example), tensors, {"tensors": free})


def example_inputs(shapes: Shapes) -> dict[str, dict[str, Tensor]]:
    """Return `example_arrays` as a batch has them."""
    return Dataset(example_arrays(shapes), {}).batch(slice(None)).inputs


def those_read(model: nn.Module, inputs: Inputs) -> dict[str, dict[str, Tensor]]:
    """Return those of the inputs that a model looks at: an answer may give it no others."""
    noted = {field: _Noted(part) for field, part in inputs.items()}
    with torch.inference_mode():
        model(noted)
    return {
        field: {name: inputs[field][name] for name in inputs[field] if name in part.read}
        for field, part in noted.items()
    }


class _Noted(dict[str, Tensor]):
    """Arrays that note which of them are looked at."""

    def __init__(self, arrays: Mapping[str, Tensor]) -> None:
        super().__init__(arrays)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Tensor:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


def example_arrays(shapes: Shapes) -> dict[str, Arrays]:
    """Return the encoded inputs of two records that are all zeros: enough to trace a model.

    Of rows of unequal length the second is half as long as the first.
    """
    return {
        field: {name: _zeros(np.dtype(kind), shape) for name, (kind, *shape) in part.items()}
        for field, part in shapes.items()
    }


def _zeros(kind: np.dtype, shape: Sequence[Any]) -> Any:
    if None not in shape:
        return np.zeros((2, *shape), kind)
    rows = [np.zeros((length, *shape[1:]), kind) for length in (EXAMPLE_LENGTH, EXAMPLE_LENGTH // 2)]
    return Ragged.of(rows, kind)


def flat(inputs: Inputs) -> dict[str, Tensor]:
    """Return the tensors of a batch by `field.array`."""
    return {f"{field}.{name}": tensor for field, part in inputs.items() for name, tensor in part.items()}


def _free_axes(shapes: Shapes, name: str, batch: Any) -> dict[int, Any]:
    """Return the axes that any size will do for: the batch, and the length where it is unequal.

    The shortest length is the exporter's affair: of what is pooled, some places become one.
    """
    field, _, array = name.partition(".")
    is_ragged = None in shapes[field].get(array, ())  # lengths are in no store
    return {0: batch, 1: torch.export.Dim.DYNAMIC} if is_ragged else {0: batch}


class FlatNetwork(nn.Module):
    """The model with its inputs one by one, and its outputs as a tuple; `outputs` are their names, once it has run."""

    def __init__(self, model: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.model, self.names = model, [name.partition(".")[::2] for name in names]
        self.outputs: list[str] = []

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        inputs: dict[str, dict[str, Tensor]] = {}
        for (field, name), tensor in zip(self.names, tensors, strict=True):
            inputs.setdefault(field, {})[name] = tensor
        output = self.model(inputs)
        self.outputs = list(output)
        return tuple(output.values())
