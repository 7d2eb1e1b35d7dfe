"""What is counted before parsing is what parsing would find, whatever stands in the texts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.service.request.http_error import HTTPError
from noria.service.request.json_text import parse_json
from noria.service.request.limits import Limits

TEXTS = st.text(st.sampled_from('"\\[]{},:a\n') | st.characters(exclude_categories=["Cs"]))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | FLOATS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@settings(deadline=None)
@given(value=VALUES, is_ascii=st.booleans(), indent=st.none() | st.just(2))
def test_depth_is_counted_exactly_and_the_value_comes_back(value, is_ascii, indent) -> None:
    data = json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode()
    levels = depth(value)
    assert parse_json(data, Limits(json_depth=levels)) == value
    if levels:
        with pytest.raises(HTTPError) as refused:
            parse_json(data, Limits(json_depth=levels - 1))
        assert refused.value.code == "too_deep"


@pytest.mark.parametrize("text", ["[1,2,3]", '["a","b","c"]', '{"a":1,"b":2}', "[[],[],[]]", '["a\\\\","\\",",""]'])
def test_values_are_counted_before_they_are_built(text) -> None:
    assert parse_json(text.encode(), Limits(json_values=10)) == json.loads(text)
    with pytest.raises(HTTPError) as refused:
        parse_json(text.encode(), replace(Limits(), json_values=2))
    assert refused.value.code == "too_large"
