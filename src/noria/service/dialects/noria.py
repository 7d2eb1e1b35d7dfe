"""Noria's own way of asking: records in, predictions out.

    POST /predict/{model}  records in, predictions out: JSON, or the file that an answer is
    POST /stream/{model}   one record in, its answer piece by piece, where the model writes one

Without `/{model}` it is asked the only model that is served.

    data: {"text":"A water"}
    data: {"text":" wheel.","ended":"end","logprobs":[-0.2,-1.3]}
    data: {"text":"","ended":"error","error":{"message":..}}        where it breaks off: what came is not the whole
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from noria.contract import dispatch, streaming
from noria.errors import UserError
from noria.service.asking.operation import About, Asked, Lookup, Operation, Said, View, Writer, named
from noria.service.request.described import answer_of_json, body_of_json
from noria.service.request.exchange import FORM, JSON, Reply, Request
from noria.service.request.http_error import HTTPError, json_bytes, raise_all, shown
from noria.service.request.inputs import request_schema, stream_schema
from noria.service.request.limits import Limits
from noria.service.request.media import accepted, file_content, file_of, not_acceptable
from noria.service.request.records import checked, records_of_form, records_of_json, unknown_fields
from noria.types import Chunk, Prediction

EVENTS = "text/event-stream"


class Predict(Operation):
    """Answer records, in their order."""

    name = "predict"
    path = "/predict/{model}"
    aliases = ("/predict",)
    is_batched = True
    summary = "Answer the records of the request's body, in their order."

    def described(self, view: View) -> dict[str, Any]:
        """Return the schema of records, and the kinds of answers."""
        media = file_content(dispatch.media_type(view.predictor.task.target))
        return {"requestBody": body_of_json(request_schema(view.inputs)), "responses": {"200": answer_of_json(media)}}

    def read(self, request: Request, view: View) -> Asked:
        """Return the records of JSON or of a form."""
        request.check_kind(JSON, FORM)
        wanted = accepted(request.headers.get("accept", ""))
        if request.kind == FORM:
            raw = records_of_form(request.form(view.limits), view.inputs, view.limits)
        else:
            raw = records_of_json(request.json(view.limits), view.limits)
        records = checked(raw, view.inputs)
        return Asked(records, more=wanted)

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Return the answers as JSON, or the only answer's file."""
        if (file := file_of(answers, asked.more)) is not None:
            return Reply(file.data, headers={"content-type": file.mime})
        return Reply(_json_of(answers, view, said))


class Stream(Operation):
    """Answer one record piece by piece, as server-sent events, or as the bytes of the file that it is."""

    name = "stream"
    path = "/stream/{model}"
    aliases = ("/stream",)
    verb = "stream"
    summary = "Answer one record piece by piece, as server-sent events, or as the bytes of the file that it is."

    def is_offered(self, view: View) -> bool:
        """Say whether the model writes its answer piece by piece."""
        return streaming.can_stream(view.predictor.task.target)

    def described(self, view: View) -> dict[str, Any]:
        """Return the schema of a record and of the settings."""
        target = view.predictor.task.target
        settings = streaming.stream_schema(target, view.limits.answer_tokens)
        content = {EVENTS: {}, **file_content(dispatch.media_type(target))}
        return {
            "requestBody": body_of_json(stream_schema(view.inputs, settings)),
            "responses": {"200": {"description": "server-sent events", "content": content}},
        }

    def read(self, request: Request, view: View) -> Asked:
        """Return the record and how its answer is to be written."""
        kinds = accepted(request.headers.get("accept", ""), EVENTS)
        mime = dispatch.media_type(view.predictor.task.target) or ""
        is_file = kinds.takes(mime)
        if not is_file and not kinds.is_usual:
            raise not_acceptable("pieces of an answer", kinds)
        record, settings = _stream_request(request.json(view.limits), view)
        return Asked([record], [settings], is_streamed=True, more=mime if is_file else None)

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Never asked: all answers are streamed."""
        raise NotImplementedError

    def writer(self, asked: Asked, view: View) -> Writer:
        """Return what writes events, or the bytes of a file."""
        return EventWriter() if asked.more is None else FileWriter(asked.more)

    def broken_off(self, error: HTTPError, media_type: str) -> bytes | None:
        """Return the last event; a file has no place for it."""
        return EventWriter().error(error) if media_type == EVENTS else None


class EventWriter(Writer):
    """The pieces as events, a JSON object each."""

    def piece(self, record: int, chunk: Chunk) -> bytes:
        """Return a piece as an event."""
        new = chunk.content
        event: dict[str, Any] = {"text": new} if isinstance(new, str) else {"base64": b64encode(new).decode("ascii")}
        if chunk.ended:
            event |= {"ended": chunk.ended, "logprobs": chunk.logprobs} | ({"note": chunk.note} if chunk.note else {})
        return b"data: %b\n\n" % json_bytes(event)

    def error(self, error: HTTPError) -> bytes:
        """Return an event that says why, as a refusal does."""
        return b"data: %b\n\n" % json_bytes({"text": "", "ended": "error", **error.content()})


class FileWriter(Writer):
    """The pieces as the bytes of one file."""

    def __init__(self, media_type: str) -> None:
        self.media_type = media_type

    def piece(self, record: int, chunk: Chunk) -> bytes:
        """Return a piece as it is."""
        return chunk.content if isinstance(chunk.content, bytes) else chunk.content.encode()

    def error(self, error: HTTPError) -> None:
        """Say nothing: a file has no place for it, and a client sees that the transfer did not end."""
        return


class Models(Lookup):
    """What is served."""

    name = "models"
    path = "/models"
    summary = "List the models that are served: name, task, version, scores."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return each model's own account, without its schema."""
        return Reply.json({"models": [{**_about(one), "is_ready": one.is_ready} for one in models]})


class Model(Lookup):
    """What one model is, how good it is, and what a record for it holds."""

    name = "model"
    path = "/models/{model}"
    summary = "Say what this model is and how good it is."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return the model's own account."""
        one = named(models, request.path.get("model"))
        return Reply.json({**_about(one), "schema": one.told["schema"]})


class Schema(Lookup):
    """The JSON schema of one record."""

    name = "schema"
    path = "/models/{model}/schema"
    aliases = ("/schema",)
    summary = "Return the JSON schema of one record."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return the schema of the named model's records."""
        one = named(models, request.path.get("model"))
        title = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"A record for {one.name}"}
        return Reply.json(title | one.told["schema"])


OPERATIONS: list[Operation] = [Predict(), Stream()]
LOOKUPS: list[Lookup] = [Models(), Model(), Schema()]


def _about(one: About) -> dict[str, Any]:
    kept = ("name", "task", "noria", "version", "scores", "operations", "media_type", "is_writing")
    return {name: one.told[name] for name in kept if name in one.told}


def _json_of(answers: Sequence[Prediction], view: View, said: Said) -> bytes:
    """Return the JSON of the answers, and beside them the sentences on the records, where there are any.

    Raises HTTPError naming the record whose answer is NaN or infinite.
    """
    found = []
    for index, prediction in enumerate(answers):
        try:
            found.append(json_bytes(prediction.as_json()))
        except ValueError as error:
            told = UserError("the model has no finite answer to this", where=f"record {index}")
            status, param = HTTPStatus.UNPROCESSABLE_ENTITY, f"records[{index}]"
            raise HTTPError(told, status, code="not_finite", param=param) from error
    sentences = {"unlike_training": said.unlike_training, "not_read": said.not_read}
    beside = b"".join(b',"%b":%b' % (key.encode(), json_bytes(one)) for key, one in sentences.items() if one)
    return b'{"model":%b,"predictions":[%b]%b}' % (json_bytes(view.name), b",".join(found), beside)


def _stream_request(value: Any, view: View) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the record and the settings of a body; raise HTTPError naming what is wrong with it."""
    if not isinstance(value, dict) or not isinstance(value.get("settings", {}), dict) or "record" not in value:
        error = UserError(
            "this is not a request for one answer",
            where="body",
            expected='{"record": {..}, "settings": {..}}',
            found=shown(value if not isinstance(value, dict) else ", ".join(map(shown, value)) or "no fields"),
        )
        raise HTTPError(error, code="wrong_type")
    raise_all(unknown_fields(value, ["record", "settings"], "body"))
    try:
        record = checked([value["record"]], view.inputs)[0]
    except HTTPError as wrong:
        raise _placed(wrong) from None
    settings = value.get("settings", {})
    check_length(settings, view.limits)
    return record, settings


def check_length(settings: dict[str, Any], limits: Limits, param: str = "settings.max_tokens") -> None:
    """Raise HTTPError (413) where an answer is asked for that is longer than it may be."""
    asked = settings.get("max_tokens")
    if isinstance(asked, int | float) and asked > limits.answer_tokens:
        most = f"at most {limits.answer_tokens}"
        error = UserError("the answer may be too long", where="max_tokens", expected=most, found=str(asked))
        raise HTTPError(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large", param=param)


def _placed(wrong: HTTPError) -> HTTPError:
    """Return the error of the only record with its place in this request."""
    param = None if wrong.param is None else re.sub(r"^records\[0\]", "record", wrong.param)
    return HTTPError(wrong.error, wrong.status, code=wrong.code, param=param, headers=wrong.headers)
