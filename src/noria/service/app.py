"""The routes around the models: those of every dialect, and what the process that listens says of itself.

dialects/   POST /predict/{model} ..   asked of a model, by way of fleet/
            GET  /models ..            answered from what is known of the models
batches/    POST /v1/files /v1/batches ..  files of requests, answered below live traffic
ledger/     POST /feedback, GET /ledger    what was true of answers, what it all cost and was worth
watch/      GET  /metrics /traffic     how it goes
            GET  /                     the page, or what is served
here        POST /models/{model}/reload, /try, /promote: newer versions
            GET  /livez /readyz /health /openapi.json
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response
from starlette.routing import Route

from noria import ledger
from noria.errors import UserError, did_you_mean
from noria.pipeline.predictor import Predictor
from noria.service.answer import Answering, as_request, as_response
from noria.service.asking.operation import About, Lookup
from noria.service.batches.apart import Apart
from noria.service.batches.batching import Batching
from noria.service.dialects.all import LOOKUPS, OPERATIONS
from noria.service.dialects.page import is_page
from noria.service.door.access import checked_key
from noria.service.door.body import body_of
from noria.service.door.door import Door
from noria.service.fleet.canary import Canary
from noria.service.fleet.models import Models, Plan
from noria.service.fleet.replica import LocalReplica, Replica
from noria.service.ledger.feedback import FeedbackRoutes
from noria.service.ledger.page import LedgerPage
from noria.service.openapi import openapi_document
from noria.service.request.exchange import Reply
from noria.service.request.http_error import HTTPError, json_response, shown
from noria.service.request.json_text import parse_json
from noria.service.request.limits import Limits
from noria.service.room import Room
from noria.service.watch.watching import Watching

if TYPE_CHECKING:
    from noria.service.engine.engine import Engine


def make_app(predictor: Predictor, limits: Limits | None = None, key: str | None = None) -> Starlette:
    """Return the application that answers for one predictor, which runs in this process.

    With a key, every path but /livez needs `Authorization: Bearer KEY`.
    """
    from noria.service.engine.engine import Engine  # not above: what computes is no part of the process that listens

    limits = limits or Limits()
    return app_around(Engine(predictor, OPERATIONS, limits), limits, key)


def app_around(engine: Engine, limits: Limits, key: str | None = None) -> Starlette:
    """Return the application that answers for one engine, which runs in this process."""

    async def unstarted(_: Plan) -> Sequence[Replica]:
        raise UserError("this application holds one model, which is not loaded anew", fix="noria serve RUN")

    models = Models(limits, unstarted, lambda _: None)
    models.add(Plan(engine.view.name, engine.predictor.bundle.path), [LocalReplica(engine)])
    return app_of(Service(models, limits), Door(checked_key(key)))


def app_of(service: Service, door: Door) -> Starlette:
    """Return the application around models; its `state.service` is the Service."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        service.batching.start()
        yield
        await service.stop()

    headers, *inner = door.middleware(service.limits, is_page)
    service.batching.ask_first(door.keyring.admits)
    app = Starlette(
        routes=service.routes(),
        middleware=[headers, service.watching.middleware, *inner],  # what is watched may break: headers stand outside
        exception_handlers={HTTPError: _refused, HTTPException: _not_here},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return app


class Service:
    """The models, and what the routes answer."""

    def __init__(self, models: Models, limits: Limits, watching: Watching | None = None) -> None:
        self.models, self.limits, self.room = models, limits, Room(limits)
        self.watching = watching or Watching(models)
        self.batching = Batching(models, limits, self.room)
        self._books = Apart([ledger.SCHEMA])  # a thread of its own: feedback does not wait for batches
        self.is_draining = False
        self.num_lost = 0  # requests that were given up when the server had to end

    async def stop(self) -> None:
        """End the models, and let go of all that is open."""
        await self.batching.stop()
        await self._books.close()
        await self.models.stop()
        self.watching.close()

    def routes(self) -> list[Route]:
        """Return the paths of all dialects and our own; each is named by its summary."""
        found = []
        for operation in OPERATIONS.values():
            asked = Answering(operation, self)
            for path in (operation.path, *operation.aliases):
                found.append(Route(path, asked, methods=[operation.method], name=operation.summary))
        for lookup in [*LOOKUPS, *self.watching.lookups]:
            for path in (lookup.path, *lookup.aliases):
                endpoint = self._looked_up(lookup)
                found.append(Route(path, endpoint, methods=[lookup.method], name=lookup.summary))
        found += [*self.batching.routes(), *FeedbackRoutes(self._books, self.limits, self.room).routes()]
        found += LedgerPage(self._books).routes()
        own: list[tuple[str, Callable[[HTTPRequest], Awaitable[Response]], str]] = [
            ("/openapi.json", self.openapi, "GET"),
            ("/livez", self.is_alive, "GET"),
            ("/readyz", self.is_ready, "GET"),
            ("/health", self.is_ready, "GET"),
            ("/models/{model}/reload", self.reload, "POST"),
            ("/models/{model}/try", self.try_out, "POST"),
            ("/models/{model}/trial", self.trial, "GET"),
            ("/models/{model}/promote", self.promote, "POST"),
        ]
        for path, endpoint, method in own:
            found.append(Route(path, endpoint, methods=[method], name=(endpoint.__doc__ or "").partition("\n")[0]))
        return found

    async def openapi(self, request: HTTPRequest) -> Response:
        """Return the OpenAPI document."""
        models = [one for one in self._abouts() if request.state.grant.sees(one.name)]
        lookups = [*LOOKUPS, *self.watching.lookups]
        return json_response(openapi_document(models, request.app.routes, lookups, LedgerPage.media_types))

    async def is_alive(self, _: HTTPRequest) -> Response:
        """Say that the process answers."""
        return json_response({"status": "alive"})

    async def is_ready(self, request: HTTPRequest) -> Response:
        """Say whether requests are welcome: 503 once the server was asked to stop, or while a model is not there."""
        waiting = [one.name for one in self.models.abouts() if not one.is_ready]
        if self.is_draining:
            return json_response({"status": "draining"}, HTTPStatus.SERVICE_UNAVAILABLE)
        if waiting:
            shown = [one for one in waiting if request.state.grant.sees(one)]
            return json_response({"status": "starting", "waiting": shown}, HTTPStatus.SERVICE_UNAVAILABLE)
        return json_response({"status": "ready"})

    async def reload(self, request: HTTPRequest) -> Response:
        """Load what now stands where the model was loaded from, and put it in its place."""
        return await self._changed(request, self.models.reload)

    async def try_out(self, request: HTTPRequest) -> Response:
        """Ask the candidate that the configuration names a share of the requests."""
        name = request.path_params["model"]
        request.state.grant.require("admin", name)
        canary = self.models.named(name).plan.canary
        if canary is None:
            error = UserError("no candidate is configured", where=name, fix="name one in serve.yaml: canary: {run: ..}")
            raise HTTPError(error, HTTPStatus.CONFLICT, code="no_candidate")
        async with body_of(request, self.limits, self.room) as body:
            asked = parse_json(body, self.limits) if body else {}
        share = asked.get("share", canary.share) if isinstance(asked, dict) else None
        if not isinstance(share, int | float) or not 0 < share < 1:
            raise HTTPError(UserError("share is between 0 and 1", found=shown(share)), code="wrong_type", param="share")
        return await self._changed(request, lambda name: self.models.try_out(name, Canary(canary.run, share)))

    async def trial(self, request: HTTPRequest) -> Response:
        """Say how the candidate does that is tried: how many requests it answered, and why it was withdrawn."""
        name = request.path_params["model"]
        request.state.grant.require("admin", name)
        return json_response({"model": name, **self.models.named(name).told()})

    async def promote(self, request: HTTPRequest) -> Response:
        """Put the version that is tried in the place of the one that is served."""
        return await self._changed(request, self.models.promote)

    async def _changed(self, request: HTTPRequest, change: Callable[[str], Awaitable[str]]) -> Response:
        name = request.path_params["model"]
        request.state.grant.require("admin", name)
        try:
            said = await change(name)
        except UserError as error:
            raise HTTPError(error, HTTPStatus.CONFLICT, code="not_changed", param="model") from error
        return json_response({"model": name, "said": said})

    def _abouts(self) -> list[About]:
        """Return what is known of the models; none is ready while the server is about to stop."""
        return [replace(one, is_ready=one.is_ready and not self.is_draining) for one in self.models.abouts()]

    def _looked_up(self, lookup: Lookup) -> Callable[[HTTPRequest], Awaitable[Response]]:
        async def endpoint(http: HTTPRequest) -> Response:
            try:
                models = self._abouts()
                if (grant := http.scope.get("state", {}).get("grant")) is not None:  # none at what is public
                    if lookup.verb != "predict" or lookup.method == "POST":
                        grant.require(lookup.verb, http.path_params.get("model"))
                    models = [one for one in models if grant.sees(one.name)]
                async with body_of(http, self.limits, self.room) as body:
                    reply: Reply = lookup.answer(as_request(http, lookup.name, bytes(body)), models)
            except HTTPError as error:
                reply = lookup.refusal(error)
            return as_response(reply)

        return endpoint


async def _refused(_: HTTPRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPError)
    return error.response()


async def _not_here(request: HTTPRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    paths: list[Any] = [getattr(route, "path", "") for route in request.app.routes]
    asked = shown(f"{request.method} {request.url.path}")
    mend = did_you_mean(shown(request.url.path), paths) if error.status_code == HTTPStatus.NOT_FOUND else ""
    told = UserError(f"{asked}: {HTTPStatus(error.status_code).phrase.lower()}", fix=mend)
    code = HTTPStatus(error.status_code).name.lower()
    return HTTPError(told, HTTPStatus(error.status_code), code=code, headers=error.headers).response()
