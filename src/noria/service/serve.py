"""The process that serves: one address, any number of models, and a stop that loses no request.

SIGTERM: /readyz says 503 at once; for `notice_seconds` new requests are still answered, so that a load balancer can
look; then nothing new is accepted and what has begun is finished, for at most `drain_seconds`; exit code 0.
SIGHUP: every model is loaded anew from where it stands, and takes the older one's place once it has answered.
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
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

import uvicorn

from noria.cluster import connected, disconnect
from noria.errors import EXIT_TERMINATED, UserError
from noria.reporter import Reporter, Terminal
from noria.service.app import Service, app_of
from noria.service.asking.operation import About
from noria.service.door.access import checked_key
from noria.service.door.descriptors import connections_that_fit
from noria.service.door.door import ACCEPTED_A_TURN, Door
from noria.service.fleet.link import Child, Connect, Load
from noria.service.fleet.models import Models, Plan
from noria.service.fleet.process import ProcessReplica
from noria.service.fleet.ray_link import RayLink
from noria.service.fleet.replica import Replica
from noria.service.notify import notify
from noria.service.plans import plans_of
from noria.service.request.limits import Limits
from noria.service.watch.booking import collect_now_and_then
from noria.service.watch.watching import watching
from noria.types import Media


def serve(
    runs: Sequence[str | Path] | str | Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    key: str | None = None,
    engine: str | None = None,
    workers: int = 1,
    door: Door | None = None,
    limits: Limits | None = None,
    log: str | None = None,
    reporter: Reporter | None = None,
    notice_seconds: float = 2.0,
    drain_seconds: int = 30,
) -> None:
    """Serve the models of run folders or bundles until SIGTERM or SIGINT. Port 0 takes a free one.

    runs: each RUN or NAME=RUN, or a file serve.yaml. engine: what runs the networks, or `ray`: they run on the machines
    of a Ray cluster, each network by its job's engine. workers: processes for each model. key: what clients must send;
    default the environment's NORIA_KEY. door: keys, names, TLS and the audit log. log: the access log: a file, - for
    standard error, or off; default off where that is a terminal. Raises UserError where the port is taken, or where
    the address is open to other machines and there is no key.
    """
    limits, reporter, door = limits or Limits(), reporter or Terminal(), door or Door()
    limits = replace(limits, connections=connections_that_fit(limits.connections))
    given = [one for one in (key, door.key, os.environ.get("NORIA_KEY")) if one is not None]
    door = replace(door, key=checked_key(given[0] if given else None))
    is_on_cluster = engine == "ray"
    runs = [runs] if isinstance(runs, str | Path) else runs
    plans = plans_of(runs, None if is_on_cluster else engine, workers, is_on_cluster)
    logging.getLogger("python_multipart.multipart").setLevel(logging.ERROR)  # it warns of every broken form
    with ExitStack() as stack:
        listener = stack.enter_context(closing(_bound(_address(host, door.has_keys), port)))
        if is_on_cluster:
            connected()  # here, as Ray's handlers of signals are the main thread's
            stack.callback(disconnect)
        scheme = "http" if door.tls is None else "https"  # files that are wrong are told before a model is loaded
        models = Models(limits, starter(limits, reporter.say, RayLink if is_on_cluster else Child), reporter.say)
        log = log or ("off" if sys.stderr.isatty() else "-")
        service = Service(models, limits, watching(models, log))
        config = uvicorn.Config(
            app_of(service, door),
            http=door.protocol(limits),  # type: ignore[arg-type]  # uvicorn wants a class and calls it
            ws="none",
            lifespan="off",  # the models live as long as the server does, in _run
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=ACCEPTED_A_TURN,
            timeout_graceful_shutdown=drain_seconds,
        )

        def announce() -> None:
            url = _url(listener, scheme)
            for line in lines_of(models.abouts(), url, door.has_keys):
                reporter.say(line)
            reporter.say(f"a page to try them: {url}/   (Ctrl-C stops)")
            notify("READY=1")

        reporter.say(f"loading {', '.join(one.name for one in plans)}")
        server = StoppingServer(config, service, notice_seconds, announce, reporter.say)
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner, suppress(KeyboardInterrupt):
            runner.run(_run(server, plans, listener))
    if service.num_lost:
        reporter.say(
            f"warning: {service.num_lost} requests were not finished within {drain_seconds} seconds and are lost"
        )
        raise SystemExit(EXIT_TERMINATED)


def starter(
    limits: Limits, tell: Callable[[str], None], connect: Connect = Child
) -> Callable[[Plan], Awaitable[Sequence[Replica]]]:
    """Return what starts the processes of a plan, all of them or none."""

    async def start(plan: Plan) -> Sequence[Replica]:
        load = Load(plan.name, plan.run.absolute(), plan.engine, plan.threads, plan.gpus)
        replicas = [ProcessReplica(load, limits, tell, connect) for _ in range(plan.workers)]
        done = await asyncio.gather(*(one.start() for one in replicas), return_exceptions=True)
        wrong = next((one for one in done if isinstance(one, BaseException)), None)
        if wrong is not None:
            await asyncio.gather(*(one.stop() for one in replicas))
            raise wrong
        return replicas

    return start


def lines_of(models: Sequence[About], url: str, needs_key: bool) -> list[str]:
    """Return what is said when the server answers: of each model its name and a command that asks it."""
    path = "/predict" if len(models) == 1 else "/predict/{}"
    return [
        f"{one.name} is served at {url}; to try it: {example_command(one, url + path.format(one.name), needs_key)}"
        for one in models
    ]


def example_command(model: About, address: str, needs_key: bool) -> str:
    """Return a command line that asks for a prediction; FILE stands for a file of the user's."""
    parts = ["curl"]
    if needs_key:
        parts.append('-H "Authorization: Bearer $NORIA_KEY"')
    for field in model.told["inputs"]:
        if field["raw_type"] == "file":
            parts.append(f"-F {field['name']}=@FILE")
        elif field["raw_type"] == "cell":
            value = field["example"] if isinstance(field["example"], str) else json.dumps(field["example"])
            pair = f"{field['name']}={value}"
            parts.append(f"--form-string {shlex.quote(pair)}")
        else:
            known = field["example"] if isinstance(field["example"], dict) else {}
            pairs = [f"{column}={known.get(column, '')}" for column in field["columns"]]
            parts += [f"--form-string {shlex.quote(pair)}" for pair in pairs]
    if (mime := model.told["media_type"]) is not None:
        parts.append(f'-H "Accept: {mime}" -o answer{Media(mime, b"").suffix}')
    return " ".join([*parts, address])


async def _run(server: StoppingServer, plans: Sequence[Plan], listener: socket.socket) -> None:
    """Start the models, answer until it is asked to stop, end the models."""
    models = server.service.models
    with suppress(AttributeError, ValueError):  # no SIGHUP on this system, or not in its main thread
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, server.reload)
    try:
        await models.start(plans)
        server.service.batching.start()
        _listen(listener)
        collecting = asyncio.create_task(collect_now_and_then())
        await server.serve([listener])
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
    finally:
        await server.service.stop()


class StoppingServer(uvicorn.Server):
    """A uvicorn server that tells before it stops, and leaves with exit code 0."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: Service,
        notice_seconds: float,
        announce: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        super().__init__(config)
        self.service, self._notice_seconds, self._announce, self._tell = service, notice_seconds, announce, tell
        self._reloads: asyncio.Task[None] | None = None
        self._is_asked_again = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Announce the server when it accepts connections and signals, not before."""
        await super().startup(sockets)
        for listener in sockets or ():
            _listen(listener)  # again: uvicorn's backlog is also how many are accepted in a turn, which are to be few
        self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second signal waits for nothing."""
        if self.service.is_draining:
            self.should_exit = self.force_exit = True
            return
        self.service.is_draining = True
        self._tell(f"stopping: what has begun is finished, within {self.config.timeout_graceful_shutdown} s")
        notify("STOPPING=1")
        loop = asyncio.get_running_loop()
        seconds = self._notice_seconds if sig == signal.SIGTERM else 0.0  # at a terminal nobody looks at /readyz
        loop.call_soon_threadsafe(loop.call_later, seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True
        if self._reloads is not None:
            self._reloads.cancel()

    def reload(self) -> None:
        """Load every model anew; however often it is asked for meanwhile, once more afterwards."""
        if self._reloads is not None and not self._reloads.done():
            self._is_asked_again = True
            return
        self._reloads = asyncio.create_task(self._reload_all())

    async def _reload_all(self) -> None:
        self._is_asked_again = True
        while self._is_asked_again and not self.should_exit:
            self._is_asked_again = False
            for name in self.service.models.names:
                with suppress(UserError):  # it was told, and the older version goes on
                    await self.service.models.reload(name)


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
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # any address: the nearest answers
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
