"""Which pages of a browser may ask: none but our own. A page from elsewhere reaches 127.0.0.1 as easily as we do.

Host     the name that the client asked for. A name that its owner points at 127.0.0.1 (DNS rebinding) makes another
         page "our own" to the browser: so names must be known. An address as a name cannot be pointed anywhere.
Origin   where the page that asks comes from; programs send none.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from noria.errors import UserError
from noria.service.door.crowd import ALIVE
from noria.service.request.http_error import HTTPError, shown

PUBLIC = ("/", ALIVE)  # what a link from another page may open
READING = ("GET", "HEAD")
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5}))?")


class KnownHosts:
    """Let a request through to `app` that asks for a known name of ours, and comes from no other site's page."""

    def __init__(self, app: ASGIApp, allowed: Sequence[str] = ()) -> None:
        self.app = app
        self._allowed = frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wrong = None if scope["type"] != "http" or scope["path"] == ALIVE else self._wrong(scope)
        if wrong is None:
            await self.app(scope, receive, send)
        else:
            await wrong.response()(scope, receive, send)

    def _wrong(self, scope: Scope) -> HTTPError | None:
        hosts = _values(scope, b"host")
        if len(hosts) > 1 or any(not self._is_ours(host, scope) for host in hosts):
            return _unknown(", ".join(hosts))
        if scope["method"] in READING and scope["path"] in PUBLIC:
            return None
        origins = _values(scope, b"origin")
        own = {host.lower() for host in hosts} | self._allowed
        is_foreign = any(_authority(one.lower()) not in own for one in origins)
        if is_foreign or "cross-site" in _values(scope, b"sec-fetch-site"):
            return _foreign(", ".join(origins) or "another site")
        return None

    def _is_ours(self, host: str, scope: Scope) -> bool:
        parts = _AUTHORITY.fullmatch(host.lower())
        if parts is None:
            return False
        name, port = parts[1].strip("[]"), parts[2]
        if parts[1] in self._allowed or parts[0] in self._allowed:
            return True
        own_address, own_port = scope.get("server") or ("", None)
        if not _is_loopback(own_address):
            return _is_loopback_name(name) or _address(name) is not None
        return _is_loopback_name(name) and (port is None or own_port is None or int(port) == own_port)


def checked_hosts(names: Sequence[str]) -> tuple[str, ...]:
    """Return names to allow; raise UserError for what is none."""
    for name in names:
        if not _AUTHORITY.fullmatch(name.lower()):
            raise UserError(
                "this is no name of a host",
                where="--allowed-host",
                expected="a name, with a port where only that one is meant",
                found=repr(name),
                fix="--allowed-host models.example.com or --allowed-host localhost:9000",
            )
    return tuple(names)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key.lower() == name]


def _authority(origin: str) -> str | None:
    """Return the host and port of a page's origin, None for what is no address: such a page is none of ours."""
    try:
        return urlsplit(origin).netloc if "://" in origin else origin
    except ValueError:
        return None


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _is_loopback(name: str) -> bool:
    address = _address(name)
    return address is not None and address.is_loopback


def _is_loopback_name(name: str) -> bool:
    return name == "localhost" or _is_loopback(name)


def _unknown(host: str) -> HTTPError:
    error = UserError(
        "this server does not answer to that name",
        where="Host",
        found=shown(host),
        fix="ask by its address; or start the server with --allowed-host NAME",
    )
    return HTTPError(error, HTTPStatus.MISDIRECTED_REQUEST, code="unknown_host")


def _foreign(origin: str) -> HTTPError:
    error = UserError(
        "pages of other sites may not use this server",
        where="Origin",
        found=shown(origin),
        fix="ask from a program; or start the server with --allowed-host NAME:PORT of the page",
    )
    return HTTPError(error, HTTPStatus.FORBIDDEN, code="foreign_origin")
