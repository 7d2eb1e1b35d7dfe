"""Encrypted connections: a certificate and its key, and a handshake that counts as a connection while it lasts.

asyncio tells of an encrypted connection only when its handshake is over: a thousand silent sockets would be seen by
nobody. So a plain one is taken first, and encrypted then. Read next: connections.py.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

from noria.errors import UserError
from noria.service.door.connections import Connections, Phase


def _no_password() -> str:
    """Give none, where OpenSSL would ask at the terminal."""
    return ""


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what encrypts with a certificate; raise UserError where the two files are no such pair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # which is not every Python's own choice
    context.set_alpn_protocols(["http/1.1"])
    for path, option in ((certificate, "--certificate"), (key, "--certificate-key")):
        if not path.is_file():
            raise UserError("there is no such file", where=option, found=str(path))
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise UserError(
            "this certificate and this key cannot be used together",
            where=f"--certificate {certificate}, --certificate-key {key}",
            expected="a chain of certificates and the key of the first one, in PEM, without a password",
            found=getattr(error, "reason", "") or str(error),
        ) from error
    return context


class Handshake(asyncio.Protocol):
    """A plain connection that becomes an encrypted one of the protocol that `make` makes."""

    def __init__(
        self, connections: Connections, context: ssl.SSLContext, make: Callable[[], asyncio.Protocol], seconds: float
    ) -> None:
        self._all, self._context, self._make, self._seconds = connections, context, make, seconds
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._early = bytearray()  # what came with the end of the handshake

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._all.opened(self)
        self._task = asyncio.get_running_loop().create_task(self._shake(transport))

    def data_received(self, data: bytes) -> None:
        """Keep what was encrypted for the protocol that comes."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, which ended before it was of use."""
        self._all.closed(self)
        self._transport = None

    def is_closing(self) -> bool:
        """Say whether it was closed already."""
        return self._transport is None or self._transport.is_closing()

    def num_unread(self) -> int:
        """Say that no answer waits before the handshake."""
        return 0

    def give_up(self, phase: Phase) -> None:
        """End it at once: nothing can be said before the handshake."""
        if self._transport is not None:
            self._transport.abort()

    async def _shake(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        try:
            encrypted = await loop.start_tls(
                transport, self, self._context, server_side=True, ssl_handshake_timeout=self._seconds
            )
        except (OSError, ValueError):  # no TLS, none of a kind that we speak, too slow, gone: nothing to say to whom
            transport.abort()
            encrypted = None
        self._all.closed(self)
        if encrypted is None or self._transport is None:
            return
        protocol = self._make()
        encrypted.set_protocol(protocol)
        protocol.connection_made(encrypted)
        if self._early:
            protocol.data_received(bytes(self._early))
