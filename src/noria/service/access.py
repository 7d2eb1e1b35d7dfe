"""Who may ask: with a key set, nobody without it, on any path but /livez and the page, which asks for it.

Paths that do not exist are no exception.
"""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from noria.errors import UserError
from noria.service.dialects.page import is_page
from noria.service.http_error import HTTPError

OPEN_PATH = "/livez"  # whoever restarts a hung process has no key


class Access:
    """Let a request through to `app` only with `Authorization: Bearer KEY`. Websockets are never let through."""

    def __init__(self, app: ASGIApp, key: str | None) -> None:
        self.app = app
        self._digest = None if key is None else _digest(key.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "lifespan" or scope["path"] == OPEN_PATH or is_page(scope) or self._is_allowed(scope):
            await self.app(scope, receive, send)
        else:
            await _denied().response()(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        if self._digest is None:
            return True
        given = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
        if len(given) != 1:
            return False
        scheme, _, key = given[0].partition(b" ")
        # Digests are of equal length, so the time tells neither how long the key is nor how much of it was right.
        return scheme.lower() == b"bearer" and hmac.compare_digest(_digest(key), self._digest)


def checked_key(key: str | None) -> str | None:
    """Return the key; raise UserError where no client could send it."""
    if key is not None and not (key.isascii() and key.isprintable() and key.strip() == key != ""):
        raise UserError(
            "this key cannot be sent in a header",
            where="--key or NORIA_KEY",
            expected="visible ASCII characters, without space at either end",
            found="an empty key" if not key.strip() else "",
            fix='python -c "import secrets; print(secrets.token_urlsafe())" makes a good one',
        )
    return key


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _denied() -> HTTPError:
    return HTTPError(
        UserError("this server answers only with its key", fix="send the header Authorization: Bearer KEY"),
        HTTPStatus.UNAUTHORIZED,
        code="wrong_key",
        headers={"WWW-Authenticate": "Bearer"},
    )
