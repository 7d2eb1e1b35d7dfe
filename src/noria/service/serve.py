"""The process that serves: one address, one model, and a stop that loses no request.

SIGTERM: /readyz says 503 at once; for `notice_seconds` new requests are still answered, so that a load balancer can
look; then nothing new is accepted and what has begun is finished, for at most `drain_seconds`; exit code 0.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import os
import shlex
import signal
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import FrameType

import uvicorn

from noria.errors import EXIT_TERMINATED, UserError
from noria.pipeline.predictor import load
from noria.reporter import Reporter, Terminal
from noria.service.app import Service, make_app
from noria.service.door.access import checked_key
from noria.service.door.descriptors import connections_that_fit
from noria.service.door.door import ACCEPTED_A_TURN, Door
from noria.service.limits import Limits
from noria.types import Media


def serve(
    run: str | Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    key: str | None = None,
    engine: str | None = None,
    door: Door | None = None,
    limits: Limits | None = None,
    reporter: Reporter | None = None,
    notice_seconds: float = 2.0,
    drain_seconds: int = 30,
) -> None:
    """Serve the model of a run folder or a bundle until SIGTERM or SIGINT. Port 0 takes a free one.

    key: what clients must send; default the environment's NORIA_KEY. door: keys, names, TLS and the audit log. Raises
    UserError where the port is taken, or where the address is open to other machines and there is no key.
    """
    limits, reporter, door = limits or Limits(), reporter or Terminal(), door or Door()
    limits = replace(limits, connections=connections_that_fit(limits.connections))
    given = [one for one in (key, door.key, os.environ.get("NORIA_KEY")) if one is not None]
    door = replace(door, key=checked_key(given[0] if given else None))
    logging.getLogger("python_multipart.multipart").setLevel(logging.ERROR)  # it warns of every broken form
    with closing(_bound(_address(host, door.has_keys), port)) as listener:
        tls = door.tls  # files that are wrong are told before a model is loaded
        app = make_app(load(run, engine=engine), limits, door=door)
        service: Service = app.state.service
        config = uvicorn.Config(
            app,
            http=door.protocol(limits),  # type: ignore[arg-type]  # uvicorn wants a class and calls it
            ws="none",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=ACCEPTED_A_TURN,
            timeout_graceful_shutdown=drain_seconds,
        )
        _listen(listener)
        url = _url(listener, "http" if tls is None else "https")
        line = f"{service.name} is served at {url}; to try it: {example_command(service, url, door.has_keys)}"
        StoppingServer(config, service, notice_seconds, lambda: reporter.say(line)).run([listener])
    service.worker.close()
    if service.worker.is_busy:
        # The drain is over and the model still computes: leaving in the usual way would wait for its thread for ever.
        reporter.say(f"warning: the model did not finish within {drain_seconds} seconds; its request is lost")
        os._exit(EXIT_TERMINATED)


def example_command(service: Service, url: str, needs_key: bool) -> str:
    """Return a command line that asks for a prediction; FILE stands for a file of the user's."""
    parts = ["curl"]
    if needs_key:
        parts.append('-H "Authorization: Bearer $NORIA_KEY"')
    for field in service.inputs:
        if field.raw_type == "file":
            parts.append(f"-F {field.name}=@FILE")
        elif field.raw_type == "cell":
            value = field.example if isinstance(field.example, str) else json.dumps(field.example)
            parts.append(f"--form-string {shlex.quote(f'{field.name}={value}')}")
        else:
            known = field.example if isinstance(field.example, dict) else {}
            pairs = [f"{column}={known.get(column, '')}" for column in field.columns]
            parts += [f"--form-string {shlex.quote(pair)}" for pair in pairs]
    if (mime := service.media_type) is not None:
        parts.append(f'-H "Accept: {mime}" -o answer{Media(mime, b"").suffix}')
    return " ".join([*parts, f"{url}/predict"])


class StoppingServer(uvicorn.Server):
    """A uvicorn server that tells before it stops, and leaves with exit code 0."""

    def __init__(
        self, config: uvicorn.Config, service: Service, notice_seconds: float, announce: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._service, self._notice_seconds, self._announce = service, notice_seconds, announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Announce the server when it accepts connections and signals, not before."""
        await super().startup(sockets)
        for listener in sockets or ():
            _listen(listener)  # again: uvicorn's backlog is also how many are accepted in a turn, which are to be few
        self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second signal waits for nothing."""
        if self._service.is_draining:
            self.should_exit = self.force_exit = True
            return
        self._service.is_draining = True
        loop = asyncio.get_running_loop()
        seconds = self._notice_seconds if sig == signal.SIGTERM else 0.0  # at a terminal nobody looks at /readyz
        loop.call_soon_threadsafe(loop.call_later, seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True


def _address(host: str, has_key: bool) -> tuple[socket.AddressFamily, str]:
    """Return the address that a host name stands for; raise UserError where it is open to others without a key."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise UserError("there is no such address", where="--host", found=host, fix="--host 127.0.0.1") from error
    if not has_key and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise UserError(
            "other machines could reach this address, and there is no key",
            where="--host",
            found=host,
            fix="set NORIA_KEY, give --keys or --key-file, or serve on 127.0.0.1",
        )
    return family, str(address[0])


def _bound(address: tuple[socket.AddressFamily, str], port: int) -> socket.socket:
    """Return a socket that has the port; raise UserError where another process has it."""
    family, host = address
    if not 0 <= port <= 65535:
        raise UserError("there is no such port", where="--port", expected="0 to 65535", found=str(port))
    # TCP by name: only then does asyncio set TCP_NODELAY, without which every answer waits 40 ms for the client's ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _not_free(error, host, port) from error
    return listener


def _listen(listener: socket.socket) -> None:
    """Accept connections from now on: only when the model is loaded."""
    try:
        listener.listen(2048)
    except OSError as error:
        host, port = listener.getsockname()[:2]
        raise _not_free(error, host, port) from error


def _not_free(error: OSError, host: str, port: int) -> UserError:
    return UserError(
        f"cannot listen here: {error.strerror or error}",
        where=f"{host}:{port}",
        fix="name another port with --port; --port 0 takes a free one",
    )


def _url(listener: socket.socket, scheme: str) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
