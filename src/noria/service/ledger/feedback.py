"""POST /feedback: what was true of answers, by their ids: {"id": "REQUEST-ID/0", "label": "yes"}, or a list of such.

With keys, a client tells of its own answers alone. What becomes of each is counted, and told where it is not taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from starlette.requests import Request as HTTPRequest
from starlette.responses import Response
from starlette.routing import Route

from noria.database import Database
from noria.errors import UserError
from noria.ledger.collecting import collect
from noria.ledger.feedback import Taken, Truth
from noria.service.batches.apart import Apart
from noria.service.door.body import Holder, body_of
from noria.service.request.http_error import HTTPError, json_response, raise_all, shown
from noria.service.request.json_text import parse_json
from noria.service.request.limits import Limits
from noria.service.request.records import unknown_fields
from noria.stages.feedback import take

EXPECTED = '{"id": "REQUEST-ID/INDEX", "label": ..}, or a list of such'


class FeedbackRoutes:
    """The endpoint."""

    def __init__(self, apart: Apart, limits: Limits, room: Holder) -> None:
        self._apart, self._limits, self._room = apart, limits, room

    def routes(self) -> list[Route]:
        """Return the paths, named by their summary."""
        name = (self.feedback.__doc__ or "").partition("\n")[0]
        return [Route(path, self.feedback, methods=["POST"], name=name) for path in ("/feedback/{model}", "/feedback")]

    async def feedback(self, http: HTTPRequest) -> Response:
        """Take what was true of answers, by their ids: {id, label}, or a list of such."""
        grant, model = http.state.grant, http.path_params.get("model")
        grant.require("predict", model)
        async with body_of(http, self._limits, self._room) as body:
            truths = _truths(parse_json(body, self._limits), self._limits)
        taken = await self._apart.apply(lambda database: _taken(database, truths, grant.client, model, grant.sees))
        return json_response(taken.as_json())


def _taken(
    database: Database, truths: Sequence[Truth], client: str, model: str | None, sees: Callable[[str], bool]
) -> Taken:
    """Book the truths; where an answer is not known, look at what is not in the database yet, and try once more."""

    def give(some: Sequence[Truth]) -> Taken:
        return database.transact(lambda to: take(to, some, client, model, sees))

    taken = give(truths)
    if unknown := taken.forget("unknown"):
        collect(database)
        taken.add(give(unknown))
    return taken


def _truths(sent: Any, limits: Limits) -> list[Truth]:
    """Return what a body tells; raise HTTPError with all that is wrong with it."""
    each = sent if isinstance(sent, list) else [sent]
    if len(each) > limits.records:
        error = UserError("too much feedback at once", expected=f"at most {limits.records}", found=str(len(each)))
        raise HTTPError(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large")
    problems: list[HTTPError] = []
    for index, one in enumerate(each):
        where = f"feedback[{index}]"
        if not isinstance(one, dict):
            problems.append(_wrong("feedback is an object with an id and a label", where, EXPECTED, shown(one)))
            continue
        problems += unknown_fields(one, ["id", "label"], where)
        if not isinstance(one.get("id"), str):
            is_there = "id" in one
            what = "id must be a text" if is_there else "id is missing: which answer the label belongs to"
            problems.append(_wrong(what, f"{where}.id", EXPECTED, shown(one["id"]) if is_there else ""))
        if "label" not in one:
            problems.append(_wrong("label is missing: the true answer", f"{where}.label", EXPECTED, ""))
    raise_all(problems)
    return [Truth(one["id"], one["label"], f"feedback[{index}]") for index, one in enumerate(each)]


def _wrong(what: str, where: str, expected: str, found: str) -> HTTPError:
    error = UserError(what, where=where, expected=expected, found=found)
    return HTTPError(error, code="wrong_type", param=where)
