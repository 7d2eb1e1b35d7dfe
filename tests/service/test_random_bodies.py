"""Whatever bytes come in, the answer is a sentence and never a 500."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.service.app import make_app
from noria.service.request.limits import Limits

KINDS = ["application/json", "multipart/form-data; boundary=b", "multipart/form-data; boundary=\xff"]
PIECES = [
    b"--b",
    b"\r\n",
    b"--b--\r\n",
    b'Content-Disposition: form-data; name="image"',
    b'; filename="x"',
    b"\r\n\r\n",
]
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["AAAA", "iVBORw0KGgo="]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["image", "records", "label"]) | st.text(), inner),
)


@pytest.fixture(scope="module")
def app(predictor):
    return make_app(predictor, Limits(records=20))


def check(response) -> None:
    assert response.status_code in (200, 400, 413, 415, 422), response.text
    assert ("error" in response.json()) == (response.status_code != 200)


@QUICK
@given(body=st.binary(), kind=st.sampled_from(KINDS))
def test_random_bytes_never_break_the_server(ask, app, body, kind) -> None:
    check(ask(app, "POST", "/predict", content=body, headers={"content-type": kind.encode("latin-1")}))


@QUICK
@given(pieces=st.lists(st.sampled_from(PIECES) | st.binary(max_size=8)))
def test_random_forms_never_break_the_server(ask, app, pieces) -> None:
    check(ask(app, "POST", "/predict", content=b"".join(pieces), headers={"content-type": KINDS[1]}))


@QUICK
@given(value=VALUES)
def test_random_json_never_breaks_the_server(ask, app, value) -> None:
    body = json.dumps(value).encode()
    check(ask(app, "POST", "/predict", content=body, headers={"content-type": KINDS[0]}))


@QUICK
@given(kind=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0")))
def test_random_content_types_never_break_the_server(ask, app, kind) -> None:
    check(ask(app, "POST", "/predict", content=b"{}", headers={"content-type": kind.encode("latin-1")}))
