"""ONNX: the same answers outside PyTorch. The batch axis stays free; every input array keeps its name."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from noria.errors import UserError, needs_extra
from noria.pipeline.predictor import Predictor
from noria.store.disk import whole_files
from noria.types import Arrays, Ragged, lengths_of

TOLERANCE = 1e-4  # on the outputs of the example, absolute and relative; labels must be equal
EXAMPLE_LENGTH = 8  # of a row of unequal length


def export_onnx(predictor: Predictor, path: Path) -> Path:
    """Write the model as ONNX beside its config; raise RuntimeError where its answers are not PyTorch's.

    Inputs are named `field.array` as in a batch, lengths of rows among them; outputs as in the target's Output.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  (torch.onnx needs it and says so less plainly)
    except ImportError as error:
        raise needs_extra("onnxruntime and onnxscript", "onnx", "ONNX export") from error
    if predictor.bundle.model.answer is not None:
        raise UserError(
            "an answer that is given token by token cannot be exported as ONNX",
            where=str(predictor.bundle.path),
            fix="serve it with noria serve",
        )
    arrays = example_arrays(predictor)
    names = [(field, name) for field, part in arrays.items() for name in part]
    model = _Flat(predictor.bundle.model.to("cpu"), names).eval()
    tensors = tuple(torch.from_numpy(arrays[field][name]) for field, name in names)
    inputs = [f"{field}.{name}" for field, name in names]
    with torch.inference_mode():
        expected = model(*tensors)
    batch = torch.export.Dim("batch", min=1)
    if path.is_dir():
        raise UserError("is a folder, and a file should be written there", where=str(path))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        program = torch.onnx.export(
            model,
            tensors,
            dynamo=True,
            input_names=inputs,
            output_names=model.outputs,
            dynamic_shapes={"tensors": tuple(_free_axes(predictor, field, name, batch) for field, name in names)},
            verbose=False,
        )
    assert program is not None
    feed = dict(zip(inputs, (tensor.numpy() for tensor in tensors), strict=True))
    with whole_files(path.parent) as folder:  # what stood there before goes only when the new one is whole and right
        program.save(str(folder / path.name))
        session = onnxruntime.InferenceSession(str(folder / path.name), providers=["CPUExecutionProvider"])
        _check(model.outputs, session.run(None, feed), expected)
        described = {"inputs": inputs, "outputs": model.outputs}
        (folder / path.with_suffix(".json").name).write_text(json.dumps(described), "utf-8")
    return path


def _check(names: list[str], given: Sequence[Any], expected: Sequence[Tensor]) -> None:
    """Raise RuntimeError where the exported model answers otherwise."""
    for name, one, other in zip(names, given, expected, strict=True):
        if not np.allclose(one, other.numpy(), atol=TOLERANCE, rtol=TOLERANCE):
            raise RuntimeError(
                f"the exported model answers differently: {name}, by {abs(one - other.numpy()).max():.2g}"
            )


def example_arrays(predictor: Predictor) -> dict[str, Arrays]:
    """Return the encoded inputs of two records that are all zeros: enough to trace a model.

    Of rows of unequal length the second is half as long as the first, and filled up.
    """
    arrays: dict[str, Arrays] = {}
    for field, part in _shapes(predictor).items():
        arrays[field] = {}
        for name, (kind, *shape) in part.items():
            arrays[field] |= _example(name, np.dtype(kind), shape)
    return arrays


def _shapes(predictor: Predictor) -> dict[str, dict[str, list[Any]]]:
    shapes: dict[str, dict[str, list[Any]]] = predictor.bundle.config["arrays"]
    return shapes


def _example(name: str, kind: np.dtype, shape: list[Any]) -> Arrays:
    """Return the array, and the lengths of its rows where no fill value tells them."""
    if None not in shape:
        return {name: np.zeros((2, *shape), kind)}
    rows = Ragged.of([np.zeros((length, *shape[1:]), kind) for length in (EXAMPLE_LENGTH, EXAMPLE_LENGTH // 2)], kind)
    padded = rows.padded()
    if rows.is_padded_with_ids:
        return {name: padded.astype(np.int64)}
    return {name: padded, lengths_of(name): rows.lengths}


def _free_axes(predictor: Predictor, field: str, name: str, batch: Any) -> dict[int, Any]:
    """Return the axes that any size will do for: the batch, and the length where it is unequal.

    The shortest length is the exporter's affair: of what is pooled, some places become one.
    """
    is_ragged = None in _shapes(predictor)[field].get(name, ())  # lengths are in no store
    return {0: batch, 1: torch.export.Dim.DYNAMIC} if is_ragged else {0: batch}


class _Flat(nn.Module):
    """The model with its inputs one by one and its outputs as a tuple, as ONNX wants them."""

    def __init__(self, model: nn.Module, names: list[tuple[str, str]]) -> None:
        super().__init__()
        self.model, self.names = model, names
        self.outputs: list[str] = []

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        inputs: dict[str, dict[str, Tensor]] = {}
        for (field, name), tensor in zip(self.names, tensors, strict=True):
            inputs.setdefault(field, {})[name] = tensor
        output = self.model(inputs)
        self.outputs = list(output)
        return tuple(output.values())
