"""GET /ledger: costs, values, margins and break-even as a page, or as JSON where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from starlette.requests import Request as HTTPRequest
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from noria.database import Database
from noria.errors import UserError, did_you_mean
from noria.ledger.collecting import collect
from noria.ledger.statement import GROUPS, Row, day_asked, statement
from noria.service.batches.apart import Apart
from noria.service.door.access import Grant, not_allowed
from noria.service.door.keys import ALL
from noria.service.request.exchange import JSON
from noria.service.request.http_error import HTTPError, json_response, raise_all, shown

NAMES = ("by", "since", "until", "model")


class LedgerPage:
    """The endpoint. media_types: that it answers with, by its path, for the OpenAPI document."""

    media_types: ClassVar[Mapping[str, Sequence[str]]] = {"/ledger": (JSON, "text/html")}

    def __init__(self, apart: Apart) -> None:
        self._apart = apart

    def routes(self) -> list[Route]:
        """Return the path, named by its summary."""
        return [Route("/ledger", self.ledger, methods=["GET"], name=self.ledger.__doc__ or "")]

    async def ledger(self, http: HTTPRequest) -> Response:
        """Show what everything cost and what the answers were worth: a page, or JSON where that is accepted."""
        asked = http.query_params
        _check_key(http.state.grant, asked.get("model", ""))
        groups = _groups(asked)
        days_and_model = [asked.get(name, "") for name in NAMES[1:]]

        def work(database: Database) -> list[Row]:
            collect(database)
            return database.transact(lambda to: statement(to, groups, *days_and_model), writes=False)

        rows = await self._apart.apply(work)
        if JSON in http.headers.get("accept", ""):
            return json_response([one.as_json() for one in rows])
        from noria.report.ledger_page import ledger_page
        from noria.report.page import POLICY

        policy = f"{POLICY}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        return HTMLResponse(ledger_page(groups, rows), headers={"Content-Security-Policy": policy})


def _check_key(grant: Grant, model: str) -> None:
    """Raise HTTPError where the key is not for metrics, or is for some models and does not name one of them."""
    grant.require("metrics", model or None)
    if not model and ALL not in grant.key.models:
        raise not_allowed(grant.key, "the ledger of all models: ask for one, /ledger?model=NAME")


def _groups(asked: Mapping[str, str]) -> Sequence[str]:
    groups = [one.strip() for one in asked.get("by", "model").split(",") if one.strip()]
    unknown: list[tuple[str, Sequence[str]]] = [(name, NAMES) for name in asked if name not in NAMES]
    unknown += [(one, GROUPS) for one in groups if one not in GROUPS]
    problems = [
        UserError("the ledger is not asked this", expected=", ".join(known), found=shown(one),
                  fix=did_you_mean(one, known))
        for one, known in unknown
    ]  # fmt: skip
    for name in ("since", "until"):
        try:
            day_asked(name, asked.get(name, ""))
        except UserError as error:
            problems.append(error)
    raise_all([HTTPError(one, code="unsupported_value", param="query") for one in problems])
    return groups
