"""POST /hf/models/{model}: what was sent is read, and the answers written, as the task's payload says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from noria.errors import UserError
from noria.service.asking.operation import JSON, Asked, Operation, Reply, Request, Said, View, Writer, Written
from noria.service.dialects.hugging_face.payload import Payload, Sent
from noria.service.dialects.hugging_face.tasks import payloads_of
from noria.service.dialects.openai.body import ANY, Body, Passes
from noria.service.dialects.openai.writing import event
from noria.service.request.http_error import HTTPError, json_bytes, shown
from noria.types import Prediction

# Whether a remote service may answer from its cache, and wait until it has loaded a model: here it always is loaded.
PASSES: Passes = {"options": ANY}


class Ask(Operation):
    """Answer a task's payload of Hugging Face's."""

    name = "hugging_face"
    path = "/hf/models/{model}"
    aliases = ("/hf/models/{model}/pipeline/{task}",)
    summary = "Answer a payload of Hugging Face's InferenceClient: inputs and parameters, or the bytes of a file."

    def is_offered(self, view: View) -> bool:
        """Say whether there is such a task."""
        return bool(payloads_of(view))

    def told(self, view: View) -> dict[str, Any]:
        """Return the names of the tasks, the usual one first."""
        return {"tasks": [one.task for one in payloads_of(view)]}

    def read(self, request: Request, view: View) -> Asked:
        """Return what is asked, and the payload that writes the answer."""
        payload = _payload(request.path.get("task"), view)
        sent = _sent(request, payload, view)
        asked = payload.read(sent, view)
        sent.parameters.end(payload.passes)
        sent.body.end(PASSES)
        sent.body.check()
        return replace(asked, more=(payload, asked.more))

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Return the answers."""
        payload, more = asked.more
        reply: Reply = payload.write(answers, replace(asked, more=more), view, said)
        return reply

    def write_written(self, answers: Sequence[Written], asked: Asked, view: View) -> Reply:
        """Return answers that were written by parameters."""
        payload, more = asked.more
        reply: Reply = payload.write_written(answers, replace(asked, more=more), view)
        return reply

    def writer(self, asked: Asked, view: View) -> Writer:
        """Return what writes a text as it comes."""
        payload, more = asked.more
        writer: Writer = payload.writer(replace(asked, more=more), view)
        return writer

    def refusal(self, error: HTTPError) -> Reply:
        """Return an error as text-generation-inference has it."""
        told = error.content()["error"]
        place = told["param"] and re.sub(r"^records?(\[(\d+)\])?(\.\w+)?$", "inputs", told["param"])
        content = {"error": told["message"], "error_type": _type(error), "param": place, "code": told["code"]}
        return Reply(json_bytes(content), error.status, {"content-type": JSON, **error.headers})

    def broken_off(self, error: HTTPError, media_type: str) -> bytes:
        """Return the last event of an answer whose model died."""
        return event({"error": error.content()["error"]["message"], "error_type": "generation"})


def _type(error: HTTPError) -> str:
    """Return which of its exceptions the client raises."""
    if error.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return "overloaded"
    return "generation" if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "validation"


def _payload(task: str | None, view: View) -> Payload:
    """Return the payload of a task, the first where none is named."""
    payloads = payloads_of(view)
    for one in payloads:
        if task in (None, one.task):
            return one
    expected = ", ".join(one.task for one in payloads)
    error = UserError(f"the model {view.name!r} has no task {shown(task)!r}", expected=expected)
    raise HTTPError(error, HTTPStatus.NOT_FOUND, code="task_not_found", param="task")


def _sent(request: Request, payload: Payload, view: View) -> Sent:
    """Return what a client sent: JSON, or a file where the task takes one."""
    if payload.takes_file and request.kind != JSON:
        packed = request.headers.get("content-encoding", "identity")
        if packed != "identity":
            request.check_kind(JSON)
        return Sent(Body({}), Body({}), request.body)
    body = Body(request.json(view.limits))
    parameters = body.object("parameters")
    return Sent(body, body.inside("parameters", {}) if parameters is None else parameters)
