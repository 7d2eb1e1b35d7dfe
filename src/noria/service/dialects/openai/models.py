"""GET /v1/models, GET /v1/models/{id}: the models that can be asked in OpenAI's ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from noria.service.asking.operation import About, Lookup, named
from noria.service.request.exchange import Reply, Request

OPERATIONS = "openai."  # how the names of operations of this dialect begin


class Models(Lookup):
    """List them."""

    name = "openai.models"
    path = "/v1/models"
    summary = "List the models that can be asked as OpenAI's are."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return the list."""
        found = [_shown(one) for one in models if any(name.startswith(OPERATIONS) for name in one.told["operations"])]
        return Reply.json({"object": "list", "data": found, "has_more": False})


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
