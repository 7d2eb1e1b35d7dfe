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
from torch import Tensor

from noria.errors import UserError, needs_extra
from noria.pipeline.predictor import Predictor
from noria.pipeline.traced import example_inputs, traceable
from noria.store.disk import whole_files

TOLERANCE = 1e-4  # on the outputs of the example, absolute and relative; labels must be equal


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
    if not predictor.bundle.model.embedders:
        raise UserError(
            "there is no network to export as ONNX",
            where=str(predictor.bundle.path),
            found="a model that has nothing to learn",
            fix="export its parts, or serve it with noria serve",
        )
    shapes = predictor.bundle.config["arrays"]
    one = traceable(predictor.bundle.model, example_inputs(shapes), shapes)
    with torch.inference_mode():
        expected = one.network(*one.tensors)
    if path.is_dir():
        raise UserError("is a folder, and a file should be written there", where=str(path))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        program = torch.onnx.export(
            one.network,
            one.tensors,
            dynamo=True,
            input_names=one.names,
            output_names=one.network.outputs,
            dynamic_shapes=one.dynamic_shapes,
            verbose=False,
        )
    assert program is not None
    feed = dict(zip(one.names, (tensor.numpy() for tensor in one.tensors), strict=True))
    with whole_files(path.parent) as folder:  # what stood there before goes only when the new one is whole and right
        program.save(str(folder / path.name))
        session = onnxruntime.InferenceSession(str(folder / path.name), providers=["CPUExecutionProvider"])
        _check(one.network.outputs, session.run(None, feed), expected)
        described = {"inputs": one.names, "outputs": one.network.outputs}
        (folder / path.with_suffix(".json").name).write_text(json.dumps(described), "utf-8")
    return path


def _check(names: list[str], given: Sequence[Any], expected: Sequence[Tensor]) -> None:
    """Raise RuntimeError where the exported model answers otherwise."""
    for name, one, other in zip(names, given, expected, strict=True):
        if not np.allclose(one, other.numpy(), atol=TOLERANCE, rtol=TOLERANCE):
            raise RuntimeError(
                f"the exported model answers differently: {name}, by {abs(one - other.numpy()).max():.2g}"
            )
