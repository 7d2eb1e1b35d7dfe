"""What the protocol asks of one model: its tensors, whether it is ready, how it is configured."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from noria.service.asking.operation import About, Lookup, Reply, Request, named
from noria.service.dialects.oip.errors import not_offered, refusal, wrong_version
from noria.service.dialects.oip.infer import Infer
from noria.service.request.http_error import HTTPError


class _OfModel(Lookup):
    """A lookup of the model, and of the version, that a path names."""

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return what is told of that model; raise HTTPError (404) where there is none."""
        one = named(models, request.path["model"])
        version = request.path.get("version", one.version)
        if version != one.version:
            raise wrong_version(one.name, version, one.version)
        return self.of(one)

    def refusal(self, error: HTTPError) -> Reply:
        """Return an error as the protocol has it."""
        return refusal(error)

    @abstractmethod
    def of(self, one: About) -> Reply:
        """Return what is told of a model."""


class Metadata(_OfModel):
    """A model's tensors."""

    name = "oip.metadata"
    path = "/v2/models/{model}"
    aliases = ("/v2/models/{model}/versions/{version}",)
    summary = "Open Inference Protocol: the input and output tensors of a model."

    def of(self, one: About) -> Reply:
        """Return them."""
        kept = {"name": one.name, "versions": [one.version], "platform": "noria"}
        return Reply.json({**kept, **_tensors(one), "parameters": {"task": one.told.get("task", "")}})


class ModelReady(_OfModel):
    """Whether a model is ready."""

    name = "oip.model_ready"
    path = "/v2/models/{model}/ready"
    aliases = ("/v2/models/{model}/versions/{version}/ready",)
    summary = "Open Inference Protocol: say whether a model can be asked, 503 where not."

    def of(self, one: About) -> Reply:
        """Return 200 or 503."""
        status = HTTPStatus.OK if one.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Reply.json({"name": one.name, "ready": one.is_ready}, status)


class Config(_OfModel):
    """A model's configuration, as Triton writes it."""

    name = "oip.config"
    path = "/v2/models/{model}/config"
    aliases = ("/v2/models/{model}/versions/{version}/config",)
    summary = "Open Inference Protocol: the tensors of a model as Triton's configuration has them."

    def of(self, one: About) -> Reply:
        """Return what there is of it."""
        told = {"name": one.name, "platform": "noria", "backend": "noria", "max_batch_size": 0}
        tensors = _tensors(one)
        return Reply.json(
            {
                **told,
                "version_policy": {"specific": {"versions": [one.version]}},
                "input": [_configured(tensor) for tensor in tensors["inputs"]],
                "output": [_configured(tensor) for tensor in tensors["outputs"]],
            }
        )


class Statistics(Lookup):
    """Not offered: Triton's counts by step are not kept in this form."""

    name = "oip.stats"
    path = "/v2/models/stats"
    aliases = ("/v2/models/{model}/stats", "/v2/models/{model}/versions/{version}/stats")
    summary = "Open Inference Protocol: not offered (501); GET /metrics has the counts."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Refuse."""
        raise not_offered("the counts are not told by this protocol", "GET /metrics has them, for Prometheus")

    def refusal(self, error: HTTPError) -> Reply:
        """Return an error as the protocol has it."""
        return refusal(error)


def _tensors(one: About) -> Mapping[str, Any]:
    tensors: Mapping[str, Any] = one.told[Infer.name]
    return tensors


def _configured(tensor: Mapping[str, Any]) -> dict[str, Any]:
    kind = "STRING" if tensor["datatype"] == "BYTES" else tensor["datatype"]
    return {"name": tensor["name"], "data_type": f"TYPE_{kind}", "dims": tensor["shape"]}
