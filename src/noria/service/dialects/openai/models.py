"""GET /v1/models, GET /v1/models/{id}: every model that is served; `operations` says what each can be asked.

A client that looks whether its model is there must find it, also where it is asked in another dialect; a call that a
model does not answer is an error of its own (404, not_offered).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from noria.service.asking.operation import About, Lookup, named
from noria.service.request.exchange import Reply, Request


class Models(Lookup):
    """List them."""

    name = "openai.models"
    path = "/v1/models"
    summary = "List the models, as OpenAI does."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return the list."""
        return Reply.json({"object": "list", "data": [_shown(one) for one in models], "has_more": False})


class Model(Lookup):
    """Say what one is."""

    name = "openai.model"
    path = "/v1/models/{model}"
    summary = "Say what one model is, as OpenAI does."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return the model of a name."""
        return Reply.json(_shown(named(models, request.path["model"])))


def _shown(one: About) -> dict[str, Any]:
    told = one.told
    kept = {name: told[name] for name in ("task", "version", "operations") if name in told}
    return {"id": one.name, "object": "model", "created": told.get("created", 0), "owned_by": "noria", **kept}
