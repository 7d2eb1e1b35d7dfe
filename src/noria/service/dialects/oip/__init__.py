"""The Open Inference Protocol, version 2, with Triton's binary tensors: what tritonclient and KServe's clients speak.

    POST /v2/models/{model}[/versions/{version}]/infer      records in as tensors, answers out as tensors
    GET  /v2   /v2/health/live   /v2/health/ready           GET  /v2/models/{model}[/versions/{version}]
         the same with /ready, /config, /stats behind it    POST /v2/repository/index

One input tensor for each field of a record, of a table one for each column; the outputs are in outputs.py.
Read first: tensors.py, inputs.py, outputs.py, infer.py.
"""

from __future__ import annotations

from noria.service.asking.operation import Lookup, Operation
from noria.service.dialects.oip.infer import Infer
from noria.service.dialects.oip.models import Config, Metadata, ModelReady, Statistics
from noria.service.dialects.oip.server import Index, Live, Load, Ready, Server, Unload

OPERATIONS: list[Operation] = [Infer()]
LOOKUPS: list[Lookup] = [
    Server(),
    Live(),
    Ready(),
    Index(),
    Load(),
    Unload(),
    Statistics(),  # before the model that could be called stats
    Metadata(),
    ModelReady(),
    Config(),
]
