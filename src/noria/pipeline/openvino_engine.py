"""OpenVINO runs the network: made from the loaded weights by torch.export, compiled for this CPU, kept in the cache.

In bfloat16 where that is the precision and the CPU has it, else in float32. Any number of records, any length of rows.
Source: https://docs.openvino.ai. Read next: traced.py, engine.py.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from noria import __version__
from noria.errors import UserError, needs_extra
from noria.pipeline.bundle import Bundle
from noria.pipeline.bundle_config import MISFIT
from noria.pipeline.traced import Inputs, example_inputs, flat, those_read, traceable
from noria.reporter import Terminal
from noria.store.array_store import trim_stores
from noria.store.cache import cache_folder
from noria.store.disk import whole_files
from noria.types import Output

CACHE_BYTES = 4 * 2**30  # of all converted networks together


def require_openvino() -> Any:
    """Return the package; raise UserError where it is not installed."""
    try:
        import openvino
    except ImportError as error:
        raise needs_extra("openvino", "openvino", "evaluate.engine=openvino") from error
    return openvino


def openvino_forward(bundle: Bundle) -> Callable[[Inputs], Output]:
    """Return the forward pass of a bundle's network."""
    openvino = require_openvino()
    core = openvino.Core()
    compiled = core.compile_model(_network(bundle, openvino, core), "CPU", _settings(bundle, core))
    kinds = {port.any_name: port.element_type.to_dtype() for port in compiled.inputs}
    outputs = [port.any_name for port in compiled.outputs]

    def forward(inputs: Inputs) -> Output:
        given = flat(inputs)
        request = compiled.create_infer_request()  # its own: answers of several threads must not meet
        request.infer({name: np.ascontiguousarray(given[name].numpy(), kind) for name, kind in kinds.items()})
        return {name: torch.from_numpy(request.get_tensor(name).data.copy()) for name in outputs}

    return forward


def _settings(bundle: Bundle, core: Any) -> dict[str, Any]:
    has_bfloat16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return {
        "INFERENCE_PRECISION_HINT": "bf16" if bundle.precision == "bfloat16" and has_bfloat16 else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
    }


def _network(bundle: Bundle, openvino: Any, core: Any) -> Any:
    """Return the network of a bundle as OpenVINO's: from the cache, or else converted, which takes seconds."""
    path = _kept_at(bundle, openvino)
    if path.exists():
        with suppress(RuntimeError):  # damaged: it is made again
            network = core.read_model(str(path))
            os.utime(path)
            return network
    network = _converted(bundle, openvino)
    try:
        with whole_files(path.parent) as folder:
            openvino.save_model(network, str(folder / path.name), compress_to_fp16=False)
        trim_stores(path.parents[1], CACHE_BYTES, path.name)
    except (OSError, UserError) as error:
        Terminal().say(f"the network as OpenVINO has it is not kept, and will be made again: {error}")
    return network


def _kept_at(bundle: Bundle, openvino: Any) -> Path:
    """Return where the converted network of a bundle is kept: another place for other weights or other versions."""
    versions = f"{__version__}-{torch.__version__}-{openvino.__version__.split('-')[0]}"
    return cache_folder() / "engines" / f"openvino-{bundle.digest}-{versions}" / "network.xml"


def _converted(bundle: Bundle, openvino: Any) -> Any:
    """Return the network as OpenVINO's; raise UserError where it has something that cannot be converted."""
    failures = (*MISFIT, openvino.frontend.OpConversionFailure, openvino.frontend.GeneralFailure)
    try:
        shapes = bundle.config["arrays"]
        one = traceable(bundle.model, those_read(bundle.model, example_inputs(shapes)), shapes)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter's own
            program = torch.export.export(one.network, one.tensors, dynamic_shapes=one.dynamic_shapes, strict=False)
            network = openvino.convert_model(program)
    except failures as error:
        found = f"{type(error).__name__}: {error}".strip().splitlines()[0][:200]
        raise UserError(
            "OpenVINO cannot take this network", where=str(bundle.path), found=found,
            fix="evaluate.engine=torch",
        ) from error  # fmt: skip
    for port in network.inputs:  # tensors_0, tensors_1, ... by their place; those that nothing reads are not there
        (place,) = (name.removeprefix("tensors_") for name in port.names if name.startswith("tensors_"))
        port.tensor.set_names({one.names[int(place)]})
    for port, name in zip(network.outputs, one.network.outputs, strict=True):
        port.tensor.set_names({name})
    return network
