"""The door of the service: how it is set, and what of it stands in the application and in the server.

    socket -> DoorProtocol -> SecurityHeaders -> CloseUnread -> Crowd -> KnownHosts -> Access -> routes -> body_of

Knows no route and no model. Read next: protocol.py, access.py.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.types import Scope

from noria.errors import UserError
from noria.service.door.access import Access
from noria.service.door.audit import Audit
from noria.service.door.body import CloseUnread
from noria.service.door.connections import Connections
from noria.service.door.crowd import KEPT_FREE, Crowd
from noria.service.door.descriptors import when_none_is_left
from noria.service.door.headers import SecurityHeaders
from noria.service.door.host import KnownHosts
from noria.service.door.keyring import Keyring
from noria.service.door.protocol import DoorProtocol
from noria.service.door.tls import Handshake, tls_context
from noria.service.request.limits import Limits

ACCEPTED_A_TURN = 64  # connections, in one turn of the loop: uvicorn's `backlog`


@dataclass(frozen=True)
class Door:
    """How the door is set.

    key            what clients must send; default nothing
    keys           the file of keys (keys.py)
    allowed_hosts  names that clients may ask for, and whose pages may ask, beside this machine's own
    certificate    and its key: files for TLS; default none, unencrypted
    audit          the file of the audit log; default none
    """

    key: str | None = None
    keys: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    certificate: Path | None = None
    certificate_key: Path | None = None
    audit: Path | None = None

    @property
    def has_keys(self) -> bool:
        """Say whether nobody may ask without a key."""
        return self.key is not None or self.keys is not None

    @cached_property
    def tls(self) -> ssl.SSLContext | None:
        """Return what encrypts; raise UserError where one of its two files is missing or wrong."""
        if self.certificate is None and self.certificate_key is None:
            return None
        if self.certificate is None or self.certificate_key is None:
            raise UserError("TLS needs a certificate and its key", fix="give both --certificate and --certificate-key")
        return tls_context(self.certificate, self.certificate_key)

    @cached_property
    def keyring(self) -> Keyring:
        """Return the keys; raise UserError where their file, or that of the audit log, cannot be used."""
        return Keyring(self.key, self.keys, Audit(self.audit))

    def middleware(self, limits: Limits, is_public: Callable[[Scope], bool] = lambda _: False) -> list[Middleware]:
        """Return what stands around the routes, the outermost first; raise UserError for a file that is broken.

        is_public: says of a request's scope whether it needs no key.
        """
        keyring = self.keyring
        return [
            Middleware(SecurityHeaders),
            Middleware(CloseUnread),
            Middleware(Crowd, most=max(1, limits.connections - KEPT_FREE)),
            Middleware(KnownHosts, allowed=self.allowed_hosts),
            Middleware(Access, keyring=keyring, audit=keyring.audit, is_public=is_public),
        ]

    def protocol(self, limits: Limits) -> Callable[..., asyncio.Protocol]:
        """Return what uvicorn makes a connection with: its `http`."""
        for name in ("uvicorn.error", "asyncio"):
            logging.getLogger(name).addFilter(_is_ours)
        return _Connect(Connections(limits), self.tls, limits)


class _Connect:
    """Makes the protocol of each new connection."""

    def __init__(self, connections: Connections, tls: ssl.SSLContext | None, limits: Limits) -> None:
        self._connections, self._tls, self._limits = connections, tls, limits
        self._is_ready = False

    def __call__(self, **settings: Any) -> asyncio.Protocol:
        """Return the protocol of one connection."""
        if not self._is_ready:
            self._is_ready = True
            when_none_is_left(asyncio.get_running_loop(), self._connections.make_room)
        make = partial(DoorProtocol, self._connections, **settings)
        if self._tls is None:
            return make()
        return Handshake(self._connections, self._tls, make, self._limits.silent_seconds)


_OF_STRANGERS = (
    "Invalid HTTP request",
    "Unsupported upgrade",
    "No supported WebSocket",
    "socket.send() raised exception",  # for each piece to a client that left in the middle of a stream
)


def _is_ours(record: logging.LogRecord) -> bool:
    """Leave out what strangers could fill the log with: they are told themselves."""
    return not str(record.msg).startswith(_OF_STRANGERS)
