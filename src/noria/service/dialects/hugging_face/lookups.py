"""What InferenceClient asks of an address beside answers: get_endpoint_info and health_check."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from noria import __version__
from noria.service.asking.operation import About, Lookup, Reply, Request, named
from noria.service.dialects.hugging_face.ask import Ask


class Info(Lookup):
    """What a model is."""

    name = "hugging_face.info"
    path = "/hf/models/{model}/info"
    summary = "Say what a model is in Hugging Face's words: its tasks."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return its name, its version and its tasks."""
        one = named(models, request.path["model"])
        tasks = one.told.get(Ask.name, {}).get("tasks", [])
        told = {"model_id": one.name, "model_sha": one.version, "version": __version__}
        return Reply.json({**told, "model_pipeline_tag": tasks[0] if tasks else None, "pipeline_tags": tasks})


class Health(Lookup):
    """Whether a model can be asked."""

    name = "hugging_face.health"
    path = "/hf/models/{model}/health"
    summary = "Say whether a model can be asked, 503 where not."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return 200 or 503."""
        one = named(models, request.path["model"])
        return Reply.json({"ready": one.is_ready}, HTTPStatus.OK if one.is_ready else HTTPStatus.SERVICE_UNAVAILABLE)
