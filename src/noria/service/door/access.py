"""Who may ask: with any key set, nobody without one, on any path but /livez and what is public.

Paths that do not exist are no exception.

What is inside finds in `request.state`

    client   the name of the key, or the client's address: whose turn it is
    grant    grant.require("predict", "digits") before a model is used
    charge   charge(128) for tokens that were read and written

No key gets an answer to a POST for which `require` was not asked: a new route that forgets it fails closed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from noria.errors import UserError
from noria.service.door.audit import Audit
from noria.service.door.crowd import ALIVE
from noria.service.door.keyring import Keyring
from noria.service.door.keys import ALL, VERBS, Key
from noria.service.door.rates import Bucket
from noria.service.request.http_error import HTTPError

ADMIN = ("/admin", "/v2/repository")
METRICS = ("/metrics",)


class Grant:
    """What the client of one request may do."""

    def __init__(
        self, key: Key, buckets: dict[str, Bucket], audit: Audit, path: str,
        is_valid: Callable[[], bool] = lambda: True,
    ) -> None:  # fmt: skip
        self.key, self.buckets = key, buckets
        self._audit, self._path, self._is_valid = audit, path, is_valid
        self.has_asked = False

    def check(self) -> None:
        """Raise HTTPError (401) where the key is none any more: an answer that takes minutes ends with it."""
        if not self._is_valid():
            self._audit.refused(self.key.name, self._path, "withdrawn")
            raise _denied()

    def require(self, verb: str, model: str | None = None) -> None:
        """Raise HTTPError (403) where the key does not allow this."""
        self.has_asked = True
        if self.key.allows(verb, model):
            return
        self._audit.refused(self.key.name, self._path, "not_allowed")
        raise not_allowed(self.key, f"the model {model}" if self.key.allows(verb) else verb)

    @property
    def client(self) -> str:
        """Return the name of the key; empty where there are no keys."""
        return "" if self.key is _ANYBODY else self.key.name

    def sees(self, model: str) -> bool:
        """Say whether the key may know of a model."""
        return ALL in self.key.models or model in self.key.models

    def charge(self, tokens: int) -> None:
        """Count tokens that were read or written for this client."""
        if "tokens" in self.buckets:
            self.buckets["tokens"].take(tokens)


class Access:
    """Let a request through to `app` only with `Authorization: Bearer KEY`. Websockets are never let through.

    is_public: says of a request's scope whether it needs no key: what it gets tells nothing of any model.
    """

    def __init__(
        self, app: ASGIApp, keyring: Keyring, audit: Audit, is_public: Callable[[Scope], bool] = lambda _: False
    ) -> None:
        self.app, self._keyring, self._audit, self._is_public = app, keyring, audit, is_public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http" and scope["path"] != ALIVE and not self._is_public(scope):
            try:
                grant = self._grant(scope)
            except HTTPError as error:
                await error.response()(scope, receive, send)
                return
            state = scope.setdefault("state", {})
            state |= {"client": self._client(grant, scope), "grant": grant, "charge": grant.charge}
            send = _checked(grant, scope, receive, send)
        await self.app(scope, receive, send)

    def _grant(self, scope: Scope) -> Grant:
        """Return what the client may do; raise HTTPError where it may not even ask."""
        verb = verb_of(scope["method"], scope["path"])
        if self._keyring.is_open:
            return Grant(_ANYBODY, {}, self._audit, scope["path"])
        sent = _sent(scope)
        key = self._keyring.find(sent)
        if key is None:
            self._audit.refused(_address(scope), scope["path"], "wrong_key")
            raise _denied()
        is_valid = partial(self._keyring.finds, sent)
        grant = Grant(key, self._keyring.buckets(key), self._audit, scope["path"], is_valid)
        if verb is not None:
            grant.require(verb)
        if verb == "admin":
            self._audit.write("admin", client=key.name, path=scope["path"][:200], method=scope["method"])
        if verb is None and scope["method"] not in ("GET", "HEAD"):
            try:
                _check_rates(grant.buckets)
            except HTTPError as error:
                self._audit.refused(key.name, scope["path"], error.code)
                raise
        return grant

    def _client(self, grant: Grant, scope: Scope) -> str:
        return _address(scope) if self._keyring.is_open else grant.key.name


def verb_of(method: str, path: str) -> str | None:
    """Return what a request asks to do where the path tells it: of others, whoever answers says it by `require`."""
    for verb, roots in (("admin", ADMIN), ("metrics", METRICS)):
        if any(path == root or path.startswith(f"{root}/") for root in roots):
            return verb
    if path.startswith("/models/") and method == "POST":
        return "admin"
    return None


def checked_key(key: str | None, where: str = "NORIA_KEY") -> str | None:
    """Return the key; raise UserError where no client could send it."""
    if key is not None and not (key.isascii() and key.isprintable() and key.strip() == key != ""):
        raise UserError(
            "this key cannot be sent in a header",
            where=where,
            expected="visible ASCII characters, without space at either end",
            found="an empty key" if not key.strip() else "",
            fix='python -c "import secrets; print(secrets.token_urlsafe())" makes a good one',
        )
    return key


def not_allowed(key: Key, what: str) -> HTTPError:
    """Return the error of a key that is not for this."""
    error = UserError(f"this key is not for {what}", found=f"the key {key.name!r}", fix="ask who gave you the key")
    return HTTPError(error, HTTPStatus.FORBIDDEN, code="not_allowed")


_ANYBODY = Key("", "", verbs=VERBS)  # where there are no keys


def _checked(grant: Grant, scope: Scope, receive: Receive, send: Send) -> Send:
    """Return `send` with what a key must be told of its rates, and without an answer that nobody allowed."""
    is_to_be_asked = scope["method"] == "POST" and grant.key is not _ANYBODY
    is_stopped = False

    async def checked(message: Message) -> None:
        nonlocal is_stopped
        if message["type"] == "http.response.start":
            if is_to_be_asked and not grant.has_asked and message["status"] < HTTPStatus.BAD_REQUEST:
                is_stopped = True
                await not_allowed(grant.key, "this address").response()(scope, receive, send)
                return
            headers = MutableHeaders(scope=message)
            for unit, bucket in grant.buckets.items():
                headers.update(bucket.headers(unit))
        if not is_stopped:
            await send(message)

    return checked


def _check_rates(buckets: dict[str, Bucket]) -> None:
    """Take one request; raise HTTPError (429) where there is none left, or where the tokens are used up."""
    waits = {unit: bucket.seconds_until(1) for unit, bucket in buckets.items()}
    unit = max(waits, key=lambda one: waits[one], default="")
    if waits and waits[unit] > 0:
        error = UserError(
            f"this key has used up its {unit} of a minute",
            expected=f"at most {buckets[unit].per_minute} a minute",
            fix=f"ask again in {math.ceil(waits[unit])} seconds",
        )
        headers = {name: value for one, bucket in buckets.items() for name, value in bucket.headers(one).items()}
        headers["Retry-After"] = str(math.ceil(waits[unit]))
        raise HTTPError(error, HTTPStatus.TOO_MANY_REQUESTS, code="rate_limit_exceeded", headers=headers)
    if "requests" in buckets:
        buckets["requests"].take(1)


def _sent(scope: Scope) -> bytes:
    """Return the key that a request carries; nothing where it carries none, or several."""
    given = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    scheme, _, key = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
    return bytes(key) if scheme.lower() == b"bearer" else b""


def _address(scope: Scope) -> str:
    return str((scope.get("client") or ("unknown",))[0])


def _denied() -> HTTPError:
    return HTTPError(
        UserError("this server answers only with its key", fix="send the header Authorization: Bearer KEY"),
        HTTPStatus.UNAUTHORIZED,
        code="wrong_key",
        headers={"WWW-Authenticate": "Bearer"},
    )
