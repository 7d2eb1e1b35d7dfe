"""POST /v2/models/{model}/infer: a request's head and its tensors, and the reply with those that it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from noria.service.asking.operation import Asked, Operation, Said, View
from noria.service.dialects.oip.errors import refusal, wrong_version
from noria.service.dialects.oip.inputs import records_of, slots_of
from noria.service.dialects.oip.outputs import outputs_of, tensors_of
from noria.service.dialects.oip.reading import BINARY, HEADER, Wanted, read
from noria.service.dialects.oip.tensors import as_bytes, as_json
from noria.service.request.exchange import Reply, Request
from noria.service.request.http_error import HTTPError, json_bytes
from noria.service.request.records import checked
from noria.types import Prediction


class Infer(Operation):
    """Answer the records that tensors hold."""

    name = "oip.infer"
    path = "/v2/models/{model}/infer"
    aliases = ("/v2/models/{model}/versions/{version}/infer",)
    summary = "Open Inference Protocol: answer the records that tensors hold, in JSON or as bytes."

    def told(self, view: View) -> dict[str, Any]:
        """Return the model's tensors."""
        return {"inputs": [one.metadata() for one in slots_of(view.inputs)], "outputs": outputs_of(view)}

    def read(self, request: Request, view: View) -> Asked:
        """Return the records of the tensors."""
        version = request.path.get("version", view.version)
        if version != view.version:
            raise wrong_version(view.name, version, view.version)
        tensors, wanted = read(request, view)
        records = checked(records_of(tensors, slots_of(view.inputs), view.limits), view.inputs)
        return Asked(records, more=wanted)

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Return the outputs, in JSON or behind it."""
        wanted: Wanted = asked.more
        told: dict[str, Any] = {"model_name": view.name, "model_version": view.version}
        if wanted.id is not None:
            told["id"] = wanted.id
        sentences = {"unlike_training": said.unlike_training, "not_read": said.not_read}
        if parameters := {name: "\n".join(one) for name, one in sentences.items() if one}:
            told["parameters"] = parameters
        heads, parts = [], []
        for tensor in tensors_of(answers, list(wanted.outputs), view):
            if wanted.outputs[tensor.name]:
                head, part = as_bytes(tensor)
                heads.append(head)
                parts.append(part)
            else:
                heads.append(as_json(tensor))
        body = json_bytes({**told, "outputs": heads})
        if not any(wanted.outputs.values()):
            return Reply(body)
        return Reply(b"".join([body, *parts]), headers={"content-type": BINARY, HEADER: str(len(body))})

    def refusal(self, error: HTTPError) -> Reply:
        """Return an error as the protocol has it."""
        return refusal(error)
