"""Every wrong request gets one JSON error that names the record, the field and the way to fix it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from starlette.applications import Starlette

from noria.pipeline.predictor import Predictor
from noria.service.app import make_app
from noria.service.request.limits import Limits
from noria.types import Prediction

JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=b"}
SMALL = Limits(
    body_bytes=50_000, body_seconds=0.2, records=3, json_values=1000, form_files=4, form_fields=4, part_bytes=10_000
)


@pytest.fixture(scope="module")
def app(predictor: Predictor) -> Starlette:
    return make_app(predictor, SMALL)


def part(name: str, value: str, more: str = "") -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


BODIES = {
    "nothing": ("", 400, "not_json"),
    "half an object": ('{"image": "', 400, "not_json"),
    "a text": ('"image"', 400, "wrong_type"),
    "a number": ("7", 400, "wrong_type"),
    "null": ("null", 400, "wrong_type"),
    "a list": ("[]", 400, "wrong_type"),
    "not UTF-8": (b'{"image": "\xff"}', 400, "not_json"),
    "UTF-16": ('{"image": ""}'.encode("utf-16"), 400, "not_json"),
    "a byte order mark": (b'\xef\xbb\xbf{"image": ""}', 400, "not_json"),
    "NaN": ('{"image": NaN}', 400, "not_json"),
    "Infinity": ('{"image": -Infinity}', 400, "not_json"),
    "a huge float": ('{"image": 1e999}', 400, "not_json"),
    "a huge integer": ('{"image": 1' + "0" * 400 + "}", 400, "not_json"),
    "an integer of a thousand digits": ('{"image": ' + "9" * 5000 + "}", 400, "not_json"),
    "half a character": ('{"image": "\\ud800"}', 400, "not_json"),
    "half a character in a name": ('{"\\ud800": 1, "\\ud800": 2}', 400, "duplicate_field"),
    "a name twice": ('{"image": "", "image": ""}', 400, "duplicate_field"),
    "deep lists": ("[" * 900, 400, "too_deep"),
    "deep objects": ('{"a":' * 400, 400, "too_deep"),
    "brackets in a text": (json.dumps({"image": "[" * 5000}), 400, "not_base64"),
    "many values": ('{"records": [' + "0," * 2000 + "0]}", 413, "too_large"),
    "many records": (json.dumps({"records": [{}] * 4}), 413, "too_large"),
    "a large body": (json.dumps({"image": "A" * 60_000}), 413, "too_large"),
    "no field": ("{}", 400, "missing_field"),
    "a missing field": ('{"records": [{}]}', 400, "missing_field"),
    "a wrong field": ('{"imgae": ""}', 400, "missing_field"),
    "one field too many": ('{"image": "", "label": "7"}', 400, "unknown_field"),
    "records and more": ('{"records": [], "model": "x"}', 400, "unknown_field"),
    "records that are no list": ('{"records": {}}', 400, "missing_field"),
    "a record that is no object": ('{"records": [7]}', 400, "wrong_type"),
    "a number for a file": ('{"image": 7}', 400, "wrong_type"),
    "null for a file": ('{"image": null}', 400, "wrong_type"),
    "a list for a file": ('{"image": [1, 2]}', 400, "wrong_type"),
    "a path": ('{"image": "/etc/passwd"}', 400, "not_base64"),
    "a path that is base64": ('{"image": "etc/passwd00"}', 422, "unusable_record"),
    "a relative path": ('{"image": "../digit.png"}', 400, "not_base64"),
    "base64 with spaces": ('{"image": "AAAA AAAA"}', 400, "not_base64"),
    "base64 cut short": ('{"image": "AAA"}', 400, "not_base64"),
    "letters that are not ASCII": ('{"image": "数字"}', 400, "not_base64"),
    "an address": ('{"image": "http://127.0.0.1:1/latest/meta-data"}', 400, "address"),
    "a file address": ('{"image": "file:///etc/passwd"}', 400, "address"),
    "a data address": ('{"image": "data:image/png;base64,AAAA"}', 400, "address"),
    "an empty file": ('{"image": ""}', 422, "unusable_record"),
    "not a picture": ('{"image": "AAAA"}', 422, "unusable_record"),
}
FORMS = {
    "nothing": ("", 400, "not_a_form"),
    "no end": (part("image", "AAAA"), 400, "not_a_form"),
    "no end in a file": (part("image", "AAAA", '; filename="x"'), 400, "not_a_form"),
    "an end inside a part": (part("image", "AAAA--b--"), 400, "not_a_form"),
    "another boundary": ("--c\r\n\r\n\r\n--c--\r\n", 400, "not_a_form"),
    "no headers": ("--b\r\n\r\nAAAA\r\n--b--\r\n", 400, "not_a_form"),
    "no name": ("--b\r\nContent-Disposition: form-data\r\n\r\nAAAA\r\n--b--\r\n", 400, "not_a_form"),
    "a packed part": (
        '--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n",
        400,
        "not_a_form",
    ),
    "a long header": ('--b\r\nContent-Disposition: form-data; name="' + "x" * 9000, 400, "not_a_form"),
    "many headers": ("--b\r\n" + "a: b\r\n" * 100, 400, "not_a_form"),
    "text that is not UTF-8": (part("image", "A").encode()[:-3] + b"\xff\r\n--b--\r\n", 400, "not_a_form"),
    "an unknown field": (part("imgae", "AAAA") + "--b--\r\n", 400, "missing_field"),
    "an uneven form": (part("image", "A") * 2 + part("label", "7") + "--b--\r\n", 400, "uneven_form"),
    "a name that is not UTF-8": (part("imäge", "A").encode("latin-1") + b"--b--\r\n", 400, "not_a_form"),
    "many fields": (part("image", "AAAA") * 5 + "--b--\r\n", 413, "too_large"),
    "many files": (part("image", "AAAA", '; filename="x"') * 5 + "--b--\r\n", 413, "too_large"),
    "many records": (part("image", "AAAA") * 4 + "--b--\r\n", 413, "too_large"),
    "a large part": (part("image", "A" * 20_000) + "--b--\r\n", 413, "too_large"),
    "a large file": (part("image", "A" * 20_000, '; filename="x"') + "--b--\r\n", 413, "too_large"),
    "a large part without an end": (part("image", "A" * 20_000), 413, "too_large"),
    "a path": (part("image", "/etc/passwd") + "--b--\r\n", 400, "not_base64"),
    "not a picture": (part("image", "hello", '; filename="/etc/passwd"') + "--b--\r\n", 422, "unusable_record"),
}


def check(response, status: int, code: str) -> dict:
    """Check the shape every error has; return it."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["code"] == code, error
    assert error["type"] == ("server_error" if status >= 500 else "invalid_request_error")
    assert error["message"]
    assert len(response.content) < 10_000
    return error


@pytest.mark.parametrize("name", BODIES)
def test_a_wrong_json_body_is_refused_in_one_shape(ask, app, name) -> None:
    body, status, code = BODIES[name]
    check(ask(app, "POST", "/predict", content=body, headers=JSON), status, code)


@pytest.mark.parametrize("name", FORMS)
def test_a_wrong_form_is_refused_in_one_shape(ask, app, name) -> None:
    body, status, code = FORMS[name]
    check(ask(app, "POST", "/predict", content=body, headers=FORM), status, code)


def test_the_record_and_the_field_are_named(ask, app, texts) -> None:
    error = check(
        ask(app, "POST", "/predict", json={"records": [{"image": texts[0]}, {"image": "AAAA"}]}), 422, "unusable_record"
    )
    assert error["param"] == "records[1].image"
    assert error["message"].startswith("record 1, image: not a picture")


def test_all_problems_of_a_request_are_named_at_once(ask, app, texts) -> None:
    records = [{"imgae": texts[0]}, {"image": 7}, {"image": "?"}]
    error = check(ask(app, "POST", "/predict", json={"records": records}), 400, "missing_field")
    assert error["message"].startswith("4 problems")
    assert "did you mean 'image'?" in error["message"]
    for place in ("record 0", "record 1, image", "record 2, image"):
        assert place in error["message"]


def test_a_thousand_unknown_fields_make_a_short_error(ask, predictor) -> None:
    body = {"image": ""} | {f"{i}{'x' * 1000}": 0 for i in range(1000)}
    check(ask(make_app(predictor), "POST", "/predict", json=body), 400, "unknown_field")


def test_a_file_that_lies_beside_the_server_is_never_read(ask, app, pictures, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits00").write_bytes(pictures[0])  # its name is base64
    check(ask(app, "POST", "/predict", json={"image": "digits00"}), 422, "unusable_record")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": b"\xff"},
        JSON | {"content-encoding": "zstd"},
        JSON | {"content-encoding": "br, identity"},
    ],
)
def test_other_kinds_of_body_are_refused(ask, app, headers) -> None:
    check(ask(app, "POST", "/predict", content=b"{}", headers=headers), 415, "unsupported_type")


def test_a_file_stays_in_memory(ask, predictor, pictures, monkeypatch) -> None:
    """A disk that is full must not matter, and what strangers send is nothing to leave on it."""
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: pytest.fail("a file was opened"))
    large = pictures[0] + bytes(2 << 20)  # more than what Starlette itself keeps in memory
    assert ask(make_app(predictor), "POST", "/predict", files={"image": large}).status_code == 200


@pytest.mark.parametrize("boundary", ["", "; boundary=", '; boundary=""', f"; boundary={'b' * 300}"])
def test_a_form_needs_a_boundary(ask, app, boundary) -> None:
    headers = {"content-type": f"multipart/form-data{boundary}"}
    check(ask(app, "POST", "/predict", content=b"--b--\r\n", headers=headers), 400, "not_a_form")


def test_unknown_paths_and_methods_are_told_in_the_same_shape(ask, app) -> None:
    assert "did you mean '/predict'?" in check(ask(app, "GET", "/predictt"), 404, "not_found")["message"]
    check(ask(app, "GET", "/predict"), 405, "method_not_allowed")
    check(ask(app, "POST", "/livez/", content=b""), 404, "not_found")


def test_a_body_that_grows_past_its_limit_is_cut_off(ask, app) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1000
            yield b"A" * 1000

    response = ask(app, "POST", "/predict", content=chunks(), headers=JSON)
    check(response, 413, "too_large")
    assert response.headers["connection"] == "close"
    assert sent <= SMALL.body_bytes + 1000


def test_a_body_that_comes_too_slowly_is_refused(ask, app) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(10)
        yield b"}"

    check(ask(app, "POST", "/predict", content=chunks(), headers=JSON), 408, "too_slow")


def test_bodies_together_hold_no_more_than_their_limit(ask, predictor, texts) -> None:
    app = make_app(predictor, replace(SMALL, held_bytes=10))
    response = ask(app, "POST", "/predict", json={"image": texts[0]})
    check(response, 503, "overloaded")
    assert response.headers["retry-after"] == "1"
    assert app.state.service.room.held_bytes == 0


def test_a_bug_is_told_as_one_and_gives_nothing_away(ask, predictor, texts) -> None:
    class Broken(Predictor):
        def decoded(self, records, see=None):
            raise KeyError("a secret")

    response = ask(make_app(Broken(predictor.bundle)), "POST", "/predict", json={"image": texts[0]})
    check(response, 500, "internal_error")
    assert "secret" not in response.text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_answer_that_is_no_number_is_never_sent(ask, predictor, texts, value) -> None:
    class Wild(Predictor):
        def decoded(self, records, see=None):
            return [Prediction("7"), Prediction("7", value)]

    response = ask(make_app(Wild(predictor.bundle)), "POST", "/predict", json={"records": [{"image": texts[0]}] * 2})
    assert check(response, 422, "not_finite")["param"] == "records[1]"
