"""With a key, every route but /livez needs it; without one, only addresses of this machine are served."""

from __future__ import annotations

import asyncio

import pytest
from starlette.applications import Starlette

from noria.errors import UserError
from noria.pipeline.predictor import Predictor
from noria.service.app import make_app
from noria.service.door.access import Access
from noria.service.door.audit import Audit
from noria.service.door.keyring import Keyring
from noria.service.serve import _address, serve

KEY = "a-key-for-tests"


@pytest.fixture(scope="module")
def app(predictor: Predictor) -> Starlette:
    return make_app(predictor, key=KEY)


def routes(app: Starlette) -> list[tuple[str, str]]:
    return [(method, route.path) for route in app.routes for method in sorted(route.methods)]


def test_every_route_but_one_needs_the_key(ask, app) -> None:
    found = routes(app)
    assert {"/", "/predict", "/predict/{model}", "/models/{model}/reload"} <= {path for _, path in found}
    for method, path in found:
        status = ask(app, method, path).status_code
        assert (status == 401) == (path != "/livez"), (method, path, status)
        assert ask(app, method, path, headers={"authorization": f"Bearer {KEY}"}).status_code != 401


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
@pytest.mark.parametrize(
    "path",
    ["/", "//", "/nothing", "/LIVEZ", "/livez/", "//livez", "/livez/../predict", "/livez%2f", "/./livez", "/docs"],
)
def test_no_other_path_is_open(app, method, path) -> None:
    assert status_of(app, method, path) == 401


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic " + KEY.encode(),
        KEY.encode(),
        b"Bearer " + KEY[:-1].encode(),
        b"Bearer " + KEY.encode() + b" ",
        b"Bearer  " + KEY.encode(),
        b"Bearer " + KEY.upper().encode(),
        b"Bearer \xff\xfe",
    ],
)
def test_a_wrong_key_is_refused(app, value) -> None:
    assert status_of(app, "GET", "/schema", [(b"authorization", value)]) == 401


def test_the_right_key_is_let_in_once(app) -> None:
    right = (b"authorization", b"bearer " + KEY.encode())
    assert status_of(app, "GET", "/schema", [right]) == 200
    assert status_of(app, "GET", "/schema", [right, right]) == 401


def test_a_key_in_the_address_is_no_key(ask, app) -> None:
    response = ask(app, "GET", f"/schema?key={KEY}")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["error"]["type"] == "authentication_error"


def test_a_websocket_is_never_let_in() -> None:
    sent = []

    async def inner(scope, receive, send) -> None:
        raise AssertionError("let in")

    async def send(message) -> None:
        sent.append(message["type"])

    audit = Audit(None)
    access = Access(inner, Keyring(None, None, audit), audit)
    asyncio.run(access({"type": "websocket", "path": "/livez", "headers": []}, None, send))
    assert sent == ["websocket.close"]


@pytest.mark.parametrize("key", ["", " ", "a\nb", " a", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_refused(predictor, key) -> None:
    with pytest.raises(UserError, match="this key cannot be sent"):
        make_app(predictor, key=key)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "0"])
def test_an_open_address_without_a_key_is_refused(run, host, monkeypatch) -> None:
    monkeypatch.delenv("NORIA_KEY", raising=False)
    with pytest.raises(UserError, match="there is no key"):
        serve(run, host=host, port=0)


def test_an_empty_key_in_the_environment_is_refused(run, monkeypatch) -> None:
    monkeypatch.setenv("NORIA_KEY", "")
    with pytest.raises(UserError, match="found: an empty key"):
        serve(run, host="0.0.0.0", port=0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_this_machines_own_addresses_need_no_key(host) -> None:
    assert _address(host, has_key=False)[1].startswith(("127.", "::1"))


def test_an_open_address_with_a_key_is_taken() -> None:
    assert _address("0.0.0.0", has_key=True)[1] == "0.0.0.0"


@pytest.mark.parametrize("host", ["", "no such host", "a..b", "999.1.1.1"])
def test_an_address_that_is_none_is_told(host) -> None:
    with pytest.raises(UserError, match="there is no such address"):
        _address(host, has_key=True)


def status_of(app: Starlette, method: str, path: str, headers: list[tuple[bytes, bytes]] = []) -> int:  # noqa: B006
    """Send a raw request, as no client library would write it, and return its status."""
    messages = []

    async def receive() -> dict:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    asyncio.run(app(scope, receive, send))
    return int(messages[0]["status"])
