"""Whoever comes when too many are being answered is told to come again; whether the process lives is always told."""

from __future__ import annotations

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from noria.errors import UserError
from noria.service.request.http_error import HTTPError

ALIVE = "/livez"  # whoever restarts a hung process has no key, and no time
KEPT_FREE = 32  # connections that wait for their client, however many are being answered


class Crowd:
    """Let at most so many requests through to `app` at a time; others get 503."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app, self.most = app, most
        self.inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == ALIVE:
            await self.app(scope, receive, send)
        elif self.inside >= self.most:
            await _full(self.inside).response()(scope, receive, send)
        else:
            self.inside += 1
            try:
                await self.app(scope, receive, send)
            finally:
                self.inside -= 1


def _full(inside: int) -> HTTPError:
    error = UserError("the server has too much to do", found=f"{inside} requests", fix="ask again in a second")
    return HTTPError(error, HTTPStatus.SERVICE_UNAVAILABLE, code="overloaded", headers={"Retry-After": "1"})
