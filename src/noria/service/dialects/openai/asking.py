"""What all of OpenAI's paths have in common: which model is asked, how errors look, what is read of a text.

The shape of errors is that of the house. Names of our own settings and records in them become
those of the request. Read next: body.py.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from noria.contract.capabilities import IDS
from noria.errors import UserError
from noria.service.asking.body_model import model_of_form, model_of_json
from noria.service.asking.operation import Operation, Said, View
from noria.service.dialects.openai.body import ANY, Passes
from noria.service.dialects.openai.writing import EVENTS, error_event
from noria.service.request.costs import check_costs
from noria.service.request.exchange import JSON, Reply, Request
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits

# What no answer depends on: who asks, what it is filed under, what is kept of it (nothing), how it is routed.
FILED: Passes = {
    "user": ANY,
    "metadata": ANY,
    "safety_identifier": ANY,
    "prompt_cache_key": ANY,
    "prompt_cache_retention": ANY,
    "store": (False,),
    "service_tier": ("auto", "default"),
}
NOT_REPEATED = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.GATEWAY_TIMEOUT)  # again it would be the same


class OpenAIOperation(Operation):
    """A path of OpenAI's. `param` is what of a request becomes the record: errors name it."""

    param: ClassVar[str]
    settings: ClassVar[Mapping[str, str]] = {}  # our names of settings -> what they are called in a request

    def model_of(self, request: Request, limits: Limits) -> str | None:
        """Return the model that the path names, or else the body."""
        if "model" in request.path:
            return request.path["model"]
        find = model_of_json if request.kind == JSON else model_of_form
        return find(request.body)

    def broken_off(self, error: HTTPError, media_type: str) -> bytes | None:
        """Return the error as an event; a sound has no place for it."""
        return error_event(error) if media_type.startswith(EVENTS) else None

    def refusal(self, error: HTTPError) -> Reply:
        """Return an error; one that would come again tells OpenAI's clients not to repeat the request."""
        error = placed(error, self.param, self.settings)
        reply = Reply.refusal(error)
        again = {"x-should-retry": "false"} if error.status in NOT_REPEATED else {}
        return Reply(reply.body, reply.status, {**reply.headers, **again})


def new_id(kind: str, request: Request) -> str:
    """Return the name of an answer: that of its request, where it has one."""
    return f"{kind}{request.id or secrets.token_hex(12)}"


def placed(error: HTTPError, record: str, settings: Mapping[str, str]) -> HTTPError:
    """Return an error on a setting or a record with the place that it has in the request."""
    param = error.param or ""
    if param.startswith("settings."):
        name = param.removeprefix("settings.")
        param = settings.get(name, name)
    param = re.sub(r"^(records\[\d+\]|record)(\.\w+)?$", record, param)
    return HTTPError(error.error, error.status, code=error.code, param=param or None, headers=error.headers)


def text_input(view: View) -> str | None:
    """Return the model's only input where that is a text; None for any other model."""
    inputs = view.inputs
    is_text = len(inputs) == 1 and inputs[0].raw_type == "cell" and inputs[0].kind == "string"
    return inputs[0].name if is_text else None


def tokens_of(values: Sequence[Any], name: str, view: View, param: str) -> list[int]:
    """Return how many tokens of each value are read; raise HTTPError for one that is too long to be read whole."""
    check_costs([{name: value} for value in values], view.predictor.task.inputs, view.limits)
    encoded = view.predictor.task.inputs[name].encode(list(values), view.predictor.states["inputs"][name])
    for index, (most, count) in sorted(encoded.cut.items()):
        error = UserError(
            "this is too long to be read as a whole",
            where=param if len(values) == 1 else f"{param}[{index}]",
            expected=f"at most {most} tokens",
            found=f"{count} tokens",
            fix="send less at a time",
        )
        raise HTTPError(error, code="context_length_exceeded", param=param)
    return [int(length) for length in encoded.arrays[IDS].lengths]


def beside(said: Said) -> dict[str, Any]:
    """Return what is to be said of a request's records, for a field that OpenAI's clients pass over."""
    found = {"unlike_training": said.unlike_training, "not_read": said.not_read}
    return {name: one for name, one in found.items() if one}
