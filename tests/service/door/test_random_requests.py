"""Whatever a stranger sends, by the API's own description or as bytes, is answered by what the description says."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from noria.pipeline.predictor import Predictor
from noria.service.app import make_app
from noria.service.request.limits import Limits

QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
HEADER_NAMES = ["accept", "content-type", "content-encoding", "content-length", "host", "origin", "authorization"]
HEADER_VALUES = st.sampled_from(
    ["", "*/*", "audio/*;q=x", "application/json", "gzip", "multipart/form-data; boundary=b", "null", "-1", "Bearer x"]
) | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@pytest.fixture(scope="module")
def app(predictor: Predictor) -> Starlette:
    return make_app(predictor, Limits(body_seconds=1.0))


def send(app: Starlette, method: str, path: str, **request: Any) -> httpx.Response:
    async def inside() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **request)

    return asyncio.run(inside())


def check(answer: httpx.Response) -> None:
    """An answer is no bug, and a refusal has the shape of every error."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert answer.headers["x-content-type-options"] == "nosniff"


def drawn(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that a JSON schema of ours allows."""
    if "anyOf" in schema:
        return st.one_of([drawn(one) for one in schema["anyOf"]])
    kind = schema.get("type")
    if kind == "object":
        needed = set(schema.get("required", ()))
        found = {name: drawn(one) for name, one in schema.get("properties", {}).items()}
        must = {name: one for name, one in found.items() if name in needed}
        return st.fixed_dictionaries(must, optional={name: one for name, one in found.items() if name not in needed})
    if kind == "array":
        return st.lists(drawn(schema["items"]), max_size=3)
    examples = [st.sampled_from(schema["examples"])] if schema.get("examples") else []
    return st.one_of([*examples, st.text(max_size=20)])


@pytest.mark.parametrize("path", ["/", "/schema", "/openapi.json", "/livez", "/readyz", "/health", "/predict", "/none"])
@given(data=st.data())
@QUIET
def test_no_request_is_a_bug(app: Starlette, path: str, data: st.DataObject) -> None:
    method = data.draw(st.sampled_from(METHODS))
    names = data.draw(st.lists(st.sampled_from(HEADER_NAMES[:4]), max_size=3, unique=True))
    headers = {name: data.draw(HEADER_VALUES) for name in names}
    body = data.draw(st.binary(max_size=200) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
    check(send(app, method, path, headers=headers, content=body))


@given(data=st.data())
@QUIET
def test_what_the_description_allows_is_answered_or_refused_with_its_place(app: Starlette, data: st.DataObject) -> None:
    document = send(app, "GET", "/openapi.json").json()
    operation = document["paths"]["/predict"]["post"]
    body = data.draw(drawn(operation["requestBody"]["content"]["application/json"]["schema"]))
    answer = send(app, "POST", "/predict", json=body)
    check(answer)
    assert answer.status_code == 200 or answer.json()["error"]["code"] in ("not_base64", "address", "unusable_record")


@given(
    sent=st.lists(st.sampled_from([b"GET", b" ", b"/", b"HTTP/1.1", b"\r\n", b"Host: localhost", b"\0", b":", b"\xff"]))
)
@settings(max_examples=15, deadline=None)
def test_bytes_that_are_no_http_are_answered_or_cut_and_the_next_client_is_served(sent: list[bytes]) -> None:
    from service.door.conftest import serving_small

    with serving_small(limits=Limits(head_seconds=0.5, silent_seconds=0.5)) as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
            connection.sendall(b"".join(sent) + b"\r\n\r\n")
            answer = connection.recv(65536)
            assert not answer or answer.startswith(b"HTTP/1.1 ")
        assert httpx.get(f"http://127.0.0.1:{running.port}/livez").status_code == 200
