"""Reading the fields of a request: all problems at once, nothing passed over, and the model found in time."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.service.asking.body_model import model_of_form, model_of_json
from noria.service.dialects.openai.body import ANY, Body
from noria.service.request.http_error import HTTPError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['"model": "x"', 'model"', "\\"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("model"), inner, max_size=4),
    max_leaves=20,
)


def test_all_that_is_wrong_is_told_at_once_with_its_place() -> None:
    body = Body({"size": "x", "inner": [{"kind": 3}], "temprature": 1, "user": 3, "store": True, "nothing": None})
    body.whole("size", 1, 5)
    for one in body.objects("inner"):
        one.text("kind")
        one.needed("name")
    body.number("temperature", 0, 2)
    body.end({"user": ANY, "store": (False,)})
    with pytest.raises(HTTPError) as caught:
        body.check()
    told = str(caught.value)
    for place in ("size: ", "inner[0].kind: ", "inner[0].name: ", "temprature: ", "store: "):
        assert place in told
    assert "did you mean 'temperature'?" in told
    assert "expected: false" in told
    assert "user" not in told
    assert "nothing" not in told
    assert caught.value.param == "size"


@given(JSON, st.text(min_size=1, max_size=40))
def test_the_model_is_found_wherever_it_stands(other: object, name: str) -> None:
    for body in ({"input": other, "model": name}, {"model": name, "input": other}):
        for is_ascii in (True, False):
            try:
                data = json.dumps(body, ensure_ascii=is_ascii).encode()
            except UnicodeEncodeError:  # half a character
                continue
            assert model_of_json(data) == name


@given(st.binary(max_size=200))
def test_no_body_breaks_the_search(body: bytes) -> None:
    for data in (body, b'{"model": "' + body, b'"model":"\\' + body, b'form-data; name="model"\r\n\r\n' + body):
        model_of_json(data)
        model_of_form(data)


def test_a_body_made_to_be_slow_is_searched_in_time() -> None:
    many = b'{"model":"a",' * 300_000
    for data in (
        many,
        b'"' * 4_000_000,
        b'"model" : ' * 400_000,
        b'form-data; name="model"\r\n' * 150_000,
        b"form-data; name=model " * 140_000,
    ):
        start = time.process_time()
        model_of_json(data)
        model_of_form(data)
        assert time.process_time() - start < 30  # seconds where it is quadratic would be hours


def test_the_model_of_a_form_is_found() -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nmodel\r\n--x\r\n'
    form += b'Content-Disposition: form-data; name="model"\r\n\r\nsmall\r\n--x--\r\n'
    assert model_of_form(form) == "small"
    assert model_of_form(form.replace(b"name=", b"nome=")) is None
