"""The routes around one predictor. What is computed is `predictor.predict` and nothing else; the rest is refusing well.

    POST /predict   records in, predictions out: JSON,   GET /        name, task, schema, scores
                    or the file that an answer is
    POST /stream    one record in, its answer piece by   GET /livez /readyz /health
                    piece, where the model writes one    GET /schema  the JSON schema of a record
                                                         GET /openapi.json  this table for programs

Reading is done in the event loop, parsing and predicting in the worker's thread.
Read next: door/door.py, records.py, media.py, stream.py, openapi.py.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from noria import __version__
from noria.contract import dispatch
from noria.errors import UserError, did_you_mean
from noria.pipeline.drift import Drift
from noria.pipeline.predictor import Predictor
from noria.preparation.cut_records import CutRecords
from noria.service.costs import check_costs
from noria.service.door.access import checked_key
from noria.service.door.body import body_of
from noria.service.door.door import Door
from noria.service.form import parse_form
from noria.service.http_error import HTTPError, broken, json_bytes, json_response, shown
from noria.service.inputs import inputs_of, record_schema, request_schema
from noria.service.json_text import parse_json
from noria.service.limits import Limits
from noria.service.media import Accepted, accepted, file_content, file_of, not_acceptable
from noria.service.openapi import answer_of_json, body_of_json, openapi_document
from noria.service.records import checked, records_of_form, records_of_json
from noria.service.stream import EventStream, FileStream, StreamRequest, first_of, parse_stream_request, stream_api
from noria.service.worker import Worker
from noria.store.run_folder import read_json
from noria.types import Prediction

JSON, FORM = "application/json", "multipart/form-data"


def make_app(
    predictor: Predictor, limits: Limits | None = None, key: str | None = None, door: Door | None = None
) -> Starlette:
    """Return the application that answers for one predictor; its `state.service` is the Service.

    With a key, every path but /livez needs `Authorization: Bearer KEY`; the door says the same and more.
    """
    limits, door = limits or Limits(), door or Door(checked_key(key))
    service = Service(predictor, limits)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        service.worker.close()

    app = Starlette(
        routes=service.routes(),
        middleware=door.middleware(limits),
        exception_handlers={HTTPError: _refused, HTTPException: _not_here, Exception: _broken},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return app


class Service:
    """One predictor, its worker, and what the routes answer."""

    def __init__(self, predictor: Predictor, limits: Limits) -> None:
        self.predictor, self.limits = predictor, limits
        self.inputs = inputs_of(predictor.bundle)
        self.worker = Worker(limits)
        self.is_draining = False
        self.is_writing = dispatch.can_stream(predictor.task.target)
        self.media_type = dispatch.media_type(predictor.task.target)
        answers = {"200": answer_of_json(file_content(self.media_type))}
        self._operations = {
            "/predict": {"requestBody": body_of_json(request_schema(self.inputs)), "responses": answers}
        }
        if self.is_writing:
            settings = dispatch.stream_schema(predictor.task.target, limits.answer_tokens)
            self._operations["/stream"] = stream_api(self.inputs, settings, file_content(self.media_type))
        folder = predictor.bundle.path.resolve()
        is_in_run = folder.name == "bundle"
        self.name = folder.parent.name if is_in_run else folder.name
        self._about = {"name": self.name, "task": predictor.bundle.config["task"], "noria": __version__}
        metrics = folder.parent / "metrics.json"
        if is_in_run and metrics.is_file():
            scores = read_json(metrics)
            self._about["scores"] = {name: scores[name] for name in ("split", "n", "metrics", "baseline")}

    def routes(self) -> list[Route]:
        """Return the paths that this model has."""
        posts = {"/predict": self.predict} | ({"/stream": self.stream} if self.is_writing else {})
        gets = {
            "/": self.about,
            "/schema": self.schema,
            "/openapi.json": self.openapi,
            "/livez": self.is_alive,
            "/readyz": self.is_ready,
            "/health": self.is_ready,
        }
        return [Route(path, endpoint, methods=["POST"]) for path, endpoint in posts.items()] + [
            Route(path, endpoint, methods=["GET"]) for path, endpoint in gets.items()
        ]

    async def predict(self, request: Request) -> Response:
        """Answer the records of the request's body, in their order."""
        request.state.grant.require("predict", self.name)
        kind, boundary = _content_type(request)
        wanted = accepted(request.headers.get("accept", ""))
        async with body_of(request, self.limits, self.worker) as body:
            return await self.worker.run(lambda: self._answer(body, kind, boundary, wanted))

    async def stream(self, request: Request) -> Response:
        """Answer one record piece by piece, as server-sent events, or as the bytes of the file that it is."""
        request.state.grant.require("stream", self.name)
        kind, _ = _content_type(request)
        kinds = accepted(request.headers.get("accept", ""), EventStream.media_type)
        mime = self.media_type or ""
        is_file = kinds.takes(mime)
        if not is_file and not kinds.is_usual:
            raise not_acceptable("pieces of an answer", kinds)
        if kind != JSON:
            error = UserError("a body of this kind is not read here", expected=f"Content-Type: {JSON}", found=kind)
            raise HTTPError(error, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code="unsupported_type")
        self.worker.begin_stream()
        try:
            async with body_of(request, self.limits, self.worker) as body:
                wanted = await self.worker.run(lambda: self._parsed(body))
                pieces = self.predictor.stream(wanted.record, **wanted.settings)
                first = await self.worker.run(lambda: first_of(pieces))
        except BaseException:
            self.worker.end_stream()
            raise
        if is_file:
            return FileStream(first, pieces, self.worker, mime)
        return EventStream(first, pieces, self.worker)

    async def about(self, _: Request) -> Response:
        """Say what this model is and how good it is."""
        return json_response({**self._about, "schema": record_schema(self.inputs)})

    async def schema(self, _: Request) -> Response:
        """Return the JSON schema of one record."""
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"A record for {self.name}"}
        return json_response(schema | record_schema(self.inputs))

    async def openapi(self, request: Request) -> Response:
        """Return the OpenAPI document."""
        return json_response(openapi_document(self.name, request.app.routes, self._operations))

    async def is_alive(self, _: Request) -> Response:
        """Say that the process answers."""
        return json_response({"status": "alive"})

    async def is_ready(self, _: Request) -> Response:
        """Say whether requests are welcome: 503 from the moment the server was asked to stop."""
        if self.is_draining:
            return json_response({"status": "draining"}, HTTPStatus.SERVICE_UNAVAILABLE)
        return json_response({"status": "ready"})

    def _parsed(self, body: bytearray) -> StreamRequest:
        """Return what a body asks to be streamed. Runs in the worker's thread."""
        wanted = parse_stream_request(body, self.inputs, self.limits)
        check_costs([wanted.record], self.predictor.task.inputs, self.limits)
        return wanted

    def _answer(self, body: bytearray, kind: str, boundary: bytes, wanted: Accepted) -> Response:
        """Return the answer to a body: JSON, or the only answer's file. Runs in the worker's thread."""
        if kind == FORM:
            raw = records_of_form(parse_form(body, boundary, self.limits), self.inputs, self.limits)
        else:
            raw = records_of_json(parse_json(body, self.limits), self.limits)
        records = checked(raw, self.inputs)
        check_costs(records, self.predictor.task.inputs, self.limits)
        drift, cut = Drift(self.predictor.task, self.predictor.states), CutRecords(self.predictor.task)
        try:
            predictions = self.predictor.predict(records, drift=drift, watch=cut.watch)
        except UserError as error:
            raise self._unusable(error) from error
        if (file := file_of(predictions, wanted)) is not None:
            return Response(file.data, media_type=file.mime)
        said = {"unlike_training": drift.sentences(), "not_read": cut.sentences()}
        return Response(self._written(predictions, said), media_type=JSON)

    def _written(self, predictions: Sequence[Prediction], said: Mapping[str, Sequence[str]]) -> bytes:
        """Return the JSON of the answers, and beside them the sentences on the records, where there are any.

        Raises HTTPError naming the record whose answer is NaN or infinite.
        """
        found = []
        for index, prediction in enumerate(predictions):
            try:
                found.append(json_bytes(prediction.as_json()))
            except ValueError as error:
                told = UserError("the model has no finite answer to this", where=f"record {index}")
                status, param = HTTPStatus.UNPROCESSABLE_ENTITY, f"records[{index}]"
                raise HTTPError(told, status, code="not_finite", param=param) from error
        beside = b"".join(b',"%b":%b' % (key.encode(), json_bytes(one)) for key, one in said.items() if one)
        return b'{"model":%b,"predictions":[%b]%b}' % (json_bytes(self.name), b",".join(found), beside)

    def _unusable(self, error: UserError) -> HTTPError:
        """Return the error of a record that the predictor cannot use; it names the record, we add the field."""
        place = re.fullmatch(r"record (\d+)", error.where)
        if not place:
            return HTTPError(error, HTTPStatus.UNPROCESSABLE_ENTITY, code="unusable_record")
        where, param = error.where, f"records[{place[1]}]"
        if len(self.inputs) == 1:
            where, param = f"{where}, {self.inputs[0].name}", f"{param}.{self.inputs[0].name}"
        placed = UserError(error.what, where=where, expected=error.expected, found=error.found, fix=error.fix)
        return HTTPError(placed, HTTPStatus.UNPROCESSABLE_ENTITY, code="unusable_record", param=param)


def _content_type(request: Request) -> tuple[str, bytes]:
    """Return JSON or FORM, and a form's boundary; raise HTTPError (415) for anything else."""
    header = request.headers.get("content-type", "")
    kind, options = parse_options_header(header)
    if kind.decode("latin-1") not in (JSON, FORM):
        error = UserError(
            "a body of this kind is not read", expected=f"Content-Type: {JSON} or {FORM}", found=shown(header)
        )
        raise HTTPError(error, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code="unsupported_type")
    return kind.decode("latin-1"), options.get(b"boundary", b"")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPError)
    return error.response()


async def _not_here(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    paths: list[Any] = [getattr(route, "path", "") for route in request.app.routes]
    asked = shown(f"{request.method} {request.url.path}")
    mend = did_you_mean(shown(request.url.path), paths) if error.status_code == HTTPStatus.NOT_FOUND else ""
    told = UserError(f"{asked}: {HTTPStatus(error.status_code).phrase.lower()}", fix=mend)
    code = HTTPStatus(error.status_code).name.lower()
    return HTTPError(told, HTTPStatus(error.status_code), code=code, headers=error.headers).response()


async def _broken(_: Request, error: Exception) -> Response:
    """Say nothing about a bug to the client; its trace goes to the server's log."""
    return broken().response()
