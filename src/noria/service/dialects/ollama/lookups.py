"""Which models there are, in Ollama's words: those that can be asked in its way, and no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from noria import __version__
from noria.errors import UserError
from noria.service.asking.operation import About, Lookup, Reply, Request, named
from noria.service.dialects.ollama.asking import LATEST, moment, name_of, refusal
from noria.service.dialects.ollama.chat import ChatMessage
from noria.service.dialects.ollama.embed import Embed
from noria.service.dialects.ollama.generate import Generate
from noria.service.request.http_error import HTTPError
from noria.service.request.json_text import parse_json
from noria.service.request.limits import Limits

CAPABILITIES = {Generate.name: "completion", Embed.name: "embedding"}
NEVER = "0001-01-01T00:00:00Z"  # when a model is unloaded
BILLION, MILLION = 1e9, 1e6


class Tags(Lookup):
    """The models."""

    name = "ollama.tags"
    path = "/api/tags"
    summary = "List the models that can be asked in Ollama's way."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return them."""
        return Reply.json({"models": [_row(one, told) for one, told in _known(models)]})


class Running(Lookup):
    """The models that are loaded: all that are ready."""

    name = "ollama.ps"
    path = "/api/ps"
    summary = "List the models that are loaded, in Ollama's words."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return them."""
        more = {"expires_at": NEVER, "size_vram": 0}
        known = [(one, told) for one, told in _known(models) if one.is_ready]
        rows = [{**_row(one, told), **more, "context_length": told["context_length"]} for one, told in known]
        return Reply.json({"models": rows})


class Show(Lookup):
    """What one model is."""

    name = "ollama.show"
    path = "/api/show"
    method = "POST"
    summary = "Say what a model is, in Ollama's words."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return what is known of it; raise HTTPError (404) where there is none of this name."""
        body = parse_json(request.body, Limits())
        asked = body.get("model", body.get("name")) if isinstance(body, dict) else None
        if not isinstance(asked, str):
            error = UserError("the model is missing", where="body", expected='{"model": "NAME"}')
            raise HTTPError(error, code="missing_field", param="model")
        known = _known(models)
        one = named([about for about, _ in known], name_of(asked))
        told = next(told for about, told in known if about is one)
        info = {"general.architecture": "noria", "general.parameter_count": told["parameters"]}
        if told["context_length"] is not None:
            info["noria.context_length"] = told["context_length"]
        return Reply.json(
            {
                "modelfile": "",
                "parameters": "",
                "template": "",
                "details": _details(one, told),
                "model_info": info,
                "capabilities": _capabilities(one, told),
                "modified_at": moment(one.told["created"]),
            }
        )

    def refusal(self, error: HTTPError) -> Reply:
        """Return an error as Ollama has it."""
        return refusal(error)


class Version(Lookup):
    """Noria's own version: clients ask for it to see whether anybody answers."""

    name = "ollama.version"
    path = "/api/version"
    summary = "Say which version of Noria answers in Ollama's way."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return it."""
        return Reply.json({"version": __version__})


class NotOffered(Lookup):
    """Not offered: which models are served is said where the server is started."""

    name = "ollama.not_offered"
    path = "/api/pull"
    aliases = ("/api/push", "/api/create", "/api/copy")
    method = "POST"
    verb = "admin"
    summary = "Not offered (501): models are not pulled, pushed, created or copied in Ollama's way."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Refuse."""
        error = UserError("models are not changed in Ollama's way", fix="name them where the server is started")
        raise HTTPError(error, HTTPStatus.NOT_IMPLEMENTED, code="not_implemented")

    def refusal(self, error: HTTPError) -> Reply:
        """Return an error as Ollama has it."""
        return refusal(error)


def _known(models: Sequence[About]) -> list[tuple[About, Mapping[str, Any]]]:
    """Return the models that can be asked, with what their operations told of them."""
    operations = (ChatMessage.name, Generate.name, Embed.name)
    found = [(one, next((one.told[name] for name in operations if name in one.told), None)) for one in models]
    return [(one, told) for one, told in found if told is not None]


def _row(one: About, told: Mapping[str, Any]) -> dict[str, Any]:
    name = one.name + LATEST
    kept = {"name": name, "model": name, "modified_at": moment(one.told["created"]), "size": told["bytes"]}
    return {**kept, "digest": one.version, "details": _details(one, told)}


def _details(one: About, told: Mapping[str, Any]) -> dict[str, Any]:
    count = told["parameters"]
    size = f"{count / BILLION:.1f}B" if count >= BILLION else f"{count / MILLION:.2f}M"
    family = {"family": one.told["task"], "families": [one.told["task"]]}
    return {"parent_model": "", "format": "safetensors", **family, "parameter_size": size, "quantization_level": ""}


def _capabilities(one: About, told: Mapping[str, Any]) -> list[str]:
    found = [word for name, word in CAPABILITIES.items() if name in one.told["operations"]]
    return found + (["tools"] if told["takes_tools"] else [])
