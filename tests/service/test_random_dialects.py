"""Whatever is sent in a dialect is read or refused with a sentence: no body is a bug of the server's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.pipeline.predictor import load
from noria.service.asking.operation import Asked, Operation, View
from noria.service.dialects import hugging_face, oip, ollama
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits
from service.dialect import request, view_of

GOLDEN = Path(__file__).parent.parent / "golden"
OPERATIONS: list[Operation] = [*oip.OPERATIONS, *hugging_face.OPERATIONS, *ollama.OPERATIONS]
TASKS = (
    "text-classification",
    "question-answering",
    "tabular-classification",
    "text-embedding",
    "chat",
    "text-generation",
)
NAMES = (
    *("inputs", "parameters", "outputs", "id", "name", "shape", "datatype", "data", "binary_data_size", "binary_data"),
    *("model", "prompt", "messages", "role", "content", "options", "num_predict", "num_ctx", "format", "tools"),
    *("input", "table", "age", "question", "context", "top_k", "stop", "grammar", "type", "value", "text", "function"),
    *("stream", "source_sentence", "sentences", "tool_calls", "arguments", "keep_alive", "do_sample", "temperature"),
)  # fmt: skip
WORDS = (*NAMES, "BYTES", "FP64", "INT8", "BOOL", "user", "assistant", "tool", "json", "regex", "a", "", "[MASK]", "63")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=5)
)
VALUES = st.recursive(
    LEAVES,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(NAMES), one, max_size=5),
    max_leaves=20,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1, max_size=6)
TENSORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["text", "age", "question", "context", "messages", "prompt"]),
        "datatype": st.sampled_from(["BYTES", "FP64", "INT8", "UINT64", "BOOL", "FP16", "BF16"]),
        "shape": st.lists(st.integers(-1, 3), max_size=2),
    },
    optional={"data": VALUES, "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(-1, 20)})},
)
made: dict[str, View] = {}


def view_for(task: str) -> View:
    if task not in made:
        made[task] = view_of(load(GOLDEN / task))
    return made[task]


def read(operation: Operation, asked: Any, view: View) -> Asked | None:
    """Read a request; None where it is refused with a sentence that can be sent."""
    operation.model_of(asked, Limits())
    try:
        return operation.read(asked, view)
    except HTTPError as refused:
        error = refused
    assert 400 <= error.status < 500
    assert json.loads(operation.refusal(error).body)["error"]
    return None


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=60)
@given(body=BODIES)
def test_any_json_is_read_or_refused(task: str, body: dict[str, Any]) -> None:
    view = view_for(task)
    for operation in OPERATIONS:
        if operation.is_offered(view):
            read(operation, request(body, {"model": "model"}), view)


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=60)
@given(tensors=st.lists(TENSORS, max_size=3), data=st.binary(max_size=40), length=st.none() | st.integers(0, 400))
def test_any_tensors_are_read_or_refused(task: str, tensors: list[Any], data: bytes, length: int | None) -> None:
    view, (infer,) = view_for(task), oip.OPERATIONS
    head = json.dumps({"inputs": tensors}).encode()
    headers = {"inference_header_content_length": str(len(head) if length is None else length)}
    read(infer, request(head + data, {"model": "model"}, **headers), view)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"3", b'"a"', b"{", b"\xff", b"[" * 100, b'{"model": {"model": 1}}']
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    for operation in OPERATIONS:
        for task in TASKS:
            if operation.is_offered(view_for(task)):
                assert (
                    read(operation, request(body, {"model": "model"}, content_type="application/json"), view_for(task))
                    is None
                )
