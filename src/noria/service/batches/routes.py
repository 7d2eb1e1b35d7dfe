"""/v1/files and /v1/batches, as OpenAI's clients ask for them. A key sees its own files and batches alone."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import astuple
from http import HTTPStatus
from typing import Any

from starlette.requests import Request as HTTPRequest
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from noria.database import Transaction
from noria.errors import UserError
from noria.service.batches import batches, files
from noria.service.batches.apart import Apart
from noria.service.batches.batches import Batch, Wanted
from noria.service.batches.files import File
from noria.service.batches.lines import batched_paths, check_lines, route_of
from noria.service.batches.listing import listed, page_of
from noria.service.batches.upload import Form, boundary_of, receive
from noria.service.dialects.openai.body import Body
from noria.service.door.body import Holder, body_of
from noria.service.fleet.models import Models
from noria.service.request.http_error import HTTPError, json_response, raise_all, shown
from noria.service.request.json_text import parse_json
from noria.service.request.limits import Limits

WINDOW = re.compile(r"([1-9][0-9]{0,2})h")
USUAL_FILES, MOST_FILES, USUAL_BATCHES, MOST_BATCHES = 10_000, 10_000, 20, 100  # of a page
PAIRS, NAME_CHARACTERS, VALUE_CHARACTERS = 16, 64, 512  # of metadata
TOKEN_CHARACTERS = 255
Endpoint = Callable[[HTTPRequest], Awaitable[Response]]


class BatchRoutes:
    """The endpoints. wake: what is called when there is something new to work on."""

    def __init__(self, apart: Apart, models: Models, limits: Limits, room: Holder, wake: Callable[[], None]) -> None:
        self._apart, self._models, self._limits, self._room, self._wake = apart, models, limits, room, wake

    def routes(self) -> list[Route]:
        """Return the paths; each is named by its summary."""
        found: list[tuple[str, str, Endpoint]] = [
            ("POST", "/v1/files", self.upload),
            ("GET", "/v1/files", self.list_files),
            ("GET", "/v1/files/{file}", self.file),
            ("DELETE", "/v1/files/{file}", self.delete_file),
            ("GET", "/v1/files/{file}/content", self.content),
            ("POST", "/v1/batches", self.create),
            ("GET", "/v1/batches", self.list_batches),
            ("GET", "/v1/batches/{batch}", self.batch),
            ("POST", "/v1/batches/{batch}/cancel", self.cancel),
        ]
        return [
            Route(path, _told(endpoint), methods=[method], name=(endpoint.__doc__ or "").partition("\n")[0])
            for method, path, endpoint in found
        ]

    async def upload(self, http: HTTPRequest) -> Response:
        """Take a file of requests, a line of JSON each."""
        owner = owner_of(http)
        boundary, temporary = boundary_of(http), await asyncio.to_thread(files.temporary_path)
        most = self._limits.stored_bytes
        await self._apart.run(lambda to: files.check_room(to, owner, most), writes=False)  # before all of it is sent
        with Form(boundary, temporary, self._limits) as form:
            await receive(http, form, self._limits)
            _check_form(form)
            facts = await asyncio.to_thread(check_lines, temporary, self._limits)
            name = form.filename or ""
            file = File(files.new_file_id(), owner, "batch", name, form.bytes, time.time(), *astuple(facts))
            await self._apart.run(lambda to: _known(to, file, most))
            await asyncio.to_thread(files.place, temporary, file.id)
        return json_response(file.shown())

    async def list_files(self, http: HTTPRequest) -> Response:
        """List the key's files, the newest first."""
        owner, page = owner_of(http), page_of(http.query_params, USUAL_FILES, MOST_FILES)
        purpose = http.query_params.get("purpose")
        kept = purpose if purpose in (None, *files.PURPOSES) else "none"  # OpenAI has more
        return json_response(await self._apart.run(lambda to: listed(to, File, owner, page, kept), writes=False))

    async def file(self, http: HTTPRequest) -> Response:
        """Say what one file is."""
        return json_response((await self._file(http)).shown())

    async def content(self, http: HTTPRequest) -> Response:
        """Return the content of a file."""
        file = await self._file(http)
        path = files.path_of(file.id)
        if not path.is_file():
            error = UserError("the file is not on this machine", found=file.id, fix="ask the server that took it")
            raise HTTPError(error, HTTPStatus.NOT_FOUND, code="not_here", param="file_id")
        return FileResponse(path, media_type="application/jsonl")

    async def delete_file(self, http: HTTPRequest) -> Response:
        """Delete a file that no batch is reading."""
        file = await self._file(http)
        await self._apart.run(lambda to: _forgotten(to, file))
        return json_response({"id": file.id, "object": "file", "deleted": True})

    async def create(self, http: HTTPRequest) -> Response:
        """Have the requests of a file answered within a time, below live traffic."""
        owner, token = owner_of(http), http.headers.get("idempotency-key")
        async with body_of(http, self._limits, self._room) as sent:
            body = Body(parse_json(sent, self._limits))
        asked = _read(body, token)
        file = await self._apart.run(lambda to: files.find(to, owner, asked["file"]), writes=False)
        _check_file(file, asked["endpoint"])
        model = self._model(http, file)
        wanted = Wanted(owner=owner, model=model, total=file.lines, token=token, **asked)
        new_id = batches.new_batch_id()
        batch = await self._apart.run(lambda to: batches.create(to, new_id, wanted))
        self._wake()
        return json_response(batch.shown())

    async def list_batches(self, http: HTTPRequest) -> Response:
        """List the key's batches, the newest first."""
        owner, page = owner_of(http), page_of(http.query_params, USUAL_BATCHES, MOST_BATCHES)
        return json_response(await self._apart.run(lambda to: listed(to, Batch, owner, page), writes=False))

    async def batch(self, http: HTTPRequest) -> Response:
        """Say how far a batch is."""
        owner, batch_id = owner_of(http), http.path_params["batch"]
        found = await self._apart.run(lambda to: batches.find(to, owner, batch_id), writes=False)
        return json_response(found.shown())

    async def cancel(self, http: HTTPRequest) -> Response:
        """Have a batch end with the answers that it has."""
        owner, batch_id = owner_of(http), http.path_params["batch"]
        found = await self._apart.run(lambda to: batches.cancel(to, owner, batch_id))
        self._wake()
        return json_response(found.shown())

    async def _file(self, http: HTTPRequest) -> File:
        owner, file_id = owner_of(http), http.path_params["file"]
        return await self._apart.run(lambda to: files.find(to, owner, file_id), writes=False)

    def _model(self, http: HTTPRequest, file: File) -> str:
        """Return the name of the model that a file asks; raise HTTPError where the key, or the model, is not for it."""
        model, found = self._models.named(file.model or None, http.state.grant.sees), route_of(file.endpoint)
        assert found is not None
        http.state.grant.require(found[0].verb, model.plan.name)
        if found[0].name not in model.about().told.get("operations", ()):
            error = UserError(f"{model.plan.name} cannot be asked this", where="endpoint", found=file.endpoint)
            raise HTTPError(error, code="unsupported_value", param="endpoint")
        return model.plan.name


def owner_of(http: HTTPRequest) -> str:
    """Return whose files a request may see, as the ledger has it; raise HTTPError where that may ask no model."""
    grant = http.state.grant
    grant.require("predict" if grant.key.allows("predict") else "stream")
    return str(grant.client)


def _told(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint that says what keeps a file from being kept: a full disk, a folder that cannot be written."""

    async def told(http: HTTPRequest) -> Response:
        try:
            return await endpoint(http)
        except UserError as error:
            raise HTTPError(error, HTTPStatus.INSUFFICIENT_STORAGE, code="not_kept") from error

    return told


def _known(to: Transaction, file: File, most: int) -> None:
    """Note a file if there is room: of two that come at once, only as long as both find some."""
    to.lock("openai_file")
    files.check_room(to, file.owner, most, file)
    files.know(to, file)


def _forgotten(to: Transaction, file: File) -> None:
    """Forget a file, also where that was done a moment ago."""
    if to.run("select id from openai_file where id = ?", file.id):
        files.forget(to, file.owner, file.id)


def _check_form(form: Form) -> None:
    problems = []
    if form.filename is None:
        problems.append(_wrong("file", "a file of JSON lines", "none"))
    if (purpose := form.texts.get("purpose")) != "batch":
        problems.append(_wrong("purpose", "batch", purpose or "none"))
    for name in form.texts.keys() - {"purpose"}:
        problems.append(_wrong(shown(name), "purpose and file, nothing else", shown(form.texts[name])))
    raise_all(problems)


def _read(body: Body, token: str | None) -> dict[str, Any]:
    """Return what a request for a batch asks; raise HTTPError with all that is wrong with it."""
    for name in ("input_file_id", "endpoint", "completion_window"):
        body.needed(name)
    file, endpoint, window = (body.text(name) for name in ("input_file_id", "endpoint", "completion_window"))
    if body.has("endpoint") and route_of(endpoint) is None:
        body.wrong("endpoint", " or ".join(batched_paths()), endpoint)
    if body.has("completion_window") and WINDOW.fullmatch(window) is None:
        body.wrong("completion_window", "24h, or another number of hours up to 999", window)
    metadata = body.take("metadata") if body.has("metadata") else {}
    if not _is_metadata(metadata):
        told = f"{PAIRS} names of {NAME_CHARACTERS} characters, each with a text of {VALUE_CHARACTERS}, at most"
        body.wrong("metadata", told, metadata)
    if token is not None and not (1 <= len(token) <= TOKEN_CHARACTERS and token.isprintable()):
        body.wrong("Idempotency-Key", f"1 to {TOKEN_CHARACTERS} visible characters", token)
    body.end({})
    body.check()
    seconds = int(window.removesuffix("h")) * 3600.0
    return {
        "file": file, "endpoint": endpoint, "completion_window": window, "window_seconds": seconds, "metadata": metadata
    }  # fmt: skip


def _is_metadata(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= PAIRS
        and all(len(name) <= NAME_CHARACTERS for name in value)
        and all(isinstance(one, str) and len(one) <= VALUE_CHARACTERS for one in value.values())
    )


def _check_file(file: File, endpoint: str) -> None:
    if file.purpose != "batch":
        raise _wrong("input_file_id", "a file that was sent for a batch", file.purpose)
    if file.endpoint != endpoint:
        raise _wrong("endpoint", f"{file.endpoint}, as in the lines of the file", endpoint)


def _wrong(name: str, expected: str, found: str) -> HTTPError:
    error = UserError(f"{name} cannot be this", where=name, expected=expected, found=found)
    return HTTPError(error, code="invalid_value", param=name)
