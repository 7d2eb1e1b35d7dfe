"""What all of Ollama's paths have in common: which model is asked, how errors look, what is told of a model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from noria.contract import dispatch
from noria.contract.capabilities import Converses, declared
from noria.service.asking.body_model import model_of_json
from noria.service.asking.operation import JSON, Operation, Reply, Request, View
from noria.service.dialects.openai.body import ANY, Body, Passes
from noria.service.request.http_error import HTTPError, json_bytes
from noria.service.request.json_text import parse_json
from noria.service.request.limits import Limits

CURL = "application/x-www-form-urlencoded"
LATEST = ":latest"  # what Ollama's clients put behind a name without a tag
# What no answer depends on: how long a model stays loaded (always), that it is not to think aloud (none does), and what
# becomes of a conversation that is too long: it is refused.
ALWAYS: Passes = {"keep_alive": ANY, "think": (False,), "truncate": ANY, "shift": ANY, "top_logprobs": (0,)}


class OllamaOperation(Operation):
    """A path of Ollama's."""

    def body_of(self, request: Request, view: View) -> Body:
        """Return the object of a body; `curl -d` says that it is a form, and Ollama's own examples are such."""
        request.check_kind(JSON, "", CURL)
        return Body(parse_json(request.body, view.limits))

    def told(self, view: View) -> dict[str, Any]:
        """Return how large the model is, and how much it reads."""
        bundle, task = view.predictor.bundle, view.predictor.task
        read = [dispatch.most_read(one) for one in task.inputs.values()]
        return {
            "parameters": sum(one.numel() for one in bundle.model.parameters()),
            "bytes": sum(path.stat().st_size for path in bundle.path.rglob("*") if path.is_file()),
            "context_length": next((one[1] for one in read if one), None),
            "takes_tools": any(
                own.takes_tools(view.predictor.states["inputs"][name])
                for name, one in task.inputs.items()
                if (own := declared(one, Converses))
            ),
        }

    def model_of(self, request: Request, limits: Limits) -> str | None:
        """Return the model that the body names."""
        return name_of(model_of_json(request.body))

    def refusal(self, error: HTTPError) -> Reply:
        """Return an error as Ollama has it."""
        return refusal(error)

    def broken_off(self, error: HTTPError, media_type: str) -> bytes:
        """Return the last line of an answer whose model died."""
        return error_line(error)


def refusal(error: HTTPError) -> Reply:
    """Return an error as Ollama has it: {"error": "a sentence"}."""
    return Reply(error_line(error), error.status, {"content-type": JSON, **error.headers})


def error_line(error: HTTPError) -> bytes:
    """Return an error as a line of JSON."""
    return json_bytes({"error": error.content()["error"]["message"]}) + b"\n"


def name_of(asked: str | None) -> str | None:
    """Return the name of a model without Ollama's tag."""
    return None if asked is None else asked.removesuffix(LATEST)


def moment(seconds: float | None = None) -> str:
    """Return a moment as Ollama writes it; now, where none is given."""
    told = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return told.isoformat().replace("+00:00", "Z")
