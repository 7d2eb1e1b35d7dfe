"""A small application behind a door, and a server of it in a thread: no model is needed to try a door."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from noria.service.door.body import body_of
from noria.service.door.door import ACCEPTED_A_TURN, Door
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits
from noria.service.serve import _bound, _listen


class Held:
    """Counts what is held."""

    num_bytes = 0

    def hold(self, num_bytes: int) -> None:
        self.num_bytes += num_bytes

    def release(self, num_bytes: int) -> None:
        self.num_bytes -= num_bytes


def small_app(door: Door, limits: Limits) -> Starlette:
    """Return an application: POST /predict returns its body, after `require`; POST /careless does not ask."""
    held = Held()

    async def predict(request: Request) -> Response:
        request.state.grant.require("predict", "digits")
        async with body_of(request, limits, held) as body:
            request.state.charge(len(body))
            return Response(bytes(body), headers={"client": request.state.client})

    async def fixed(_: Request) -> Response:
        return JSONResponse({"is": "here"})

    async def long(_: Request) -> Response:
        return Response(b"x" * 50_000_000)

    async def page(_: Request) -> Response:
        return Response("<p>", media_type="text/html")

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPError)
        return error.response()

    gets = {"/": page, "/livez": fixed, "/schema": fixed, "/metrics": fixed, "/admin/models": fixed, "/long": long}
    posts = {"/predict": predict, "/careless": fixed}
    routes = [Route(path, one, methods=["GET"]) for path, one in gets.items()]
    routes += [Route(path, one, methods=["POST"]) for path, one in posts.items()]
    app = Starlette(routes=routes, middleware=door.middleware(limits), exception_handlers={HTTPError: refused})
    app.state.held = held
    return app


@dataclass(frozen=True)
class Running:
    """A server in a thread."""

    port: int
    app: Starlette
    server: uvicorn.Server


Serve = Callable[..., "contextmanager[Running]"]


@pytest.fixture
def served() -> Serve:
    return serving_small


@contextmanager
def serving_small(door: Door | None = None, limits: Limits | None = None) -> Iterator[Running]:
    """Serve the small application on a free port until the block ends."""

    door, limits = door or Door(), limits or Limits()
    app = small_app(door, limits)
    with closing(_bound((socket.AF_INET, "127.0.0.1"), 0)) as listener:
        _listen(listener)
        config = uvicorn.Config(
            app,
            http=door.protocol(limits),
            ws="none",
            backlog=ACCEPTED_A_TURN,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                threading.Event().wait(0.01)
            yield Running(listener.getsockname()[1], app, server)
        finally:
            server.should_exit = server.force_exit = True
            thread.join(30)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    made = (folder / "certificate.pem", folder / "key.pem")
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run([*words.split(), "-out", made[0], "-keyout", made[1]], check=True, capture_output=True, timeout=60)
    return made


@pytest.fixture
def small() -> Callable[..., Starlette]:
    """Make the small application: small(Door(..))."""
    return lambda door=None, limits=None: small_app(door or Door(), limits or Limits())
