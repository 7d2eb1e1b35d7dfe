"""Open Inference Protocol: tensors in, the predictor's own answers out; what it does not have is said."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np
import pytest

from noria.contract import registry
from noria.contract.examples import records_like
from noria.pipeline.predictor import load
from noria.service.asking.operation import Lookup, Reply, Said, View
from noria.service.dialects.oip import LOOKUPS, OPERATIONS
from noria.service.dialects.oip.tensors import NUMBERS, Tensor, as_bytes, as_json, from_bytes, from_json
from noria.service.request.http_error import HTTPError
from service.dialect import about_of, error_of, reply, request, view_of
from service.test_every_task import sendable_record

(INFER,) = OPERATIONS
BEST_THREE = {"name": "value", "parameters": {"classification": 3}}
HEADER = "inference-header-content-length"


def lookup(name: str) -> Lookup:
    return next(one for one in LOOKUPS if one.name == f"oip.{name}")


@pytest.fixture(scope="module")
def view(trained) -> View:
    return view_of(load(trained("text-classification")))


@pytest.fixture(scope="module")
def table(trained) -> View:
    return view_of(load(trained("tabular-classification")))


def texts(*values: str, name: str = "text") -> dict[str, Any]:
    return {"name": name, "datatype": "BYTES", "shape": [len(values)], "data": list(values)}


def sent(body: dict[str, Any], *parts: bytes) -> Any:
    head = json.dumps(body).encode()
    headers = {HEADER.replace("-", "_"): str(len(head)), "content_type": "application/octet-stream"}
    return request(head + b"".join(parts), **headers)


def packed(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(one)) + one for one in values)


def read_back(got: Reply) -> dict[str, Any]:
    """Return the outputs of a reply as lists, whether they stand in its JSON or behind it."""
    assert got.status == 200, got.body
    length = int(got.headers.get(HEADER, len(got.body)))
    head, data = json.loads(got.body[:length]), got.body[length:]
    found = {}
    for one in head["outputs"]:
        size = one.get("parameters", {}).get("binary_data_size")
        if size is None:
            found[one["name"]] = one["data"]
            continue
        tensor = from_bytes(one["name"], one["datatype"], tuple(one["shape"]), data[:size])
        data = data[size:]
        found[one["name"]] = [
            v.decode() if isinstance(v, bytes) and one["name"] != "media" else v for v in tensor.values
        ]
    assert not data
    return found


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_every_tasks_answers_are_the_predictors_in_json_and_in_bytes(trained, name) -> None:
    view = view_of(load(trained(name)))
    records = [sendable_record(view.predictor.task, one) for one in records_like(view.predictor.task, 3, seed=1)]
    flat = [_flat(record) for record in records]
    expected = view.predictor.predict(records)
    in_json = [_tensor(field, [record[field] for record in flat]) for field in flat[0]]
    given = [from_json(one["name"], "BYTES", (3,), one["data"]) for one in in_json]
    raw = {
        one.name: [base64.b64decode(v) if isinstance(flat[0][one.name], bytes) else v for v in one.values]
        for one in given
    }
    pairs = [as_bytes(Tensor(one, "BYTES", (3, 1), values)) for one, values in raw.items()]

    plain = read_back(reply(INFER, request({"inputs": in_json}), view))
    heads, parts = zip(*pairs, strict=True)
    body = {"inputs": list(heads), "parameters": {"binary_data_output": True}}
    binary = read_back(reply(INFER, sent(body, *parts), view))

    assert [one["name"] for one in INFER.told(view)["outputs"]] == list(plain) == list(binary)
    for index, answer in enumerate(expected):
        value = _row(plain["value"], index, 3)
        assert value == _row(binary["value"], index, 3)
        is_json = not isinstance(answer.value, str | float) and not isinstance(value, list)
        assert (json.loads(value) if is_json else value) == json.loads(json.dumps(answer.value))
        assert plain["confidence"][index] == answer.confidence
        assert np.isnan(binary["confidence"][index]) or binary["confidence"][index] == answer.confidence
        chances = answer.details.get("probabilities", {})
        if chances:
            assert (
                dict(zip(_row(plain["labels"], index, 3), _row(binary["probabilities"], index, 3), strict=True))
                == chances
            )
        if answer.media is not None:
            assert base64.b64decode(plain["media"][index]) == binary["media"][index] == answer.media.data
        others = {key: one for key, one in answer.details.items() if key != "probabilities"}
        assert json.loads(plain["details"][index]) == json.loads(json.dumps(others))


def _row(values: list[Any], index: int, count: int) -> Any:
    width = len(values) // count
    return values[index] if width == 1 else values[index * width : (index + 1) * width]


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in record.items():
        found |= value if isinstance(value, dict) else {key: value}
    return found


def _tensor(name: str, values: list[Any]) -> dict[str, Any]:
    as_text = {bytes: lambda one: base64.b64encode(one).decode(), str: str}
    return texts(*(as_text.get(type(one), json.dumps)(one) for one in values), name=name)


def test_columns_are_taken_as_texts_or_as_numbers_and_nan_is_a_missing_cell(table) -> None:
    record = {"age": "63", "sex": "1", "pressure": "145", "pain": "typical"}
    assert set(record) <= {slot["name"] for slot in INFER.told(table)["inputs"]}
    expected = table.predictor.predict([{"table": record}, {"table": {**record, "age": None}}])
    inputs = [texts(value, value, name=name) for name, value in record.items()]
    inputs[0] = {"name": "age", "datatype": "FP64", "shape": [2, 1], "parameters": {"binary_data_size": 16}}
    got = read_back(reply(INFER, sent({"inputs": inputs}, struct.pack("<dd", 63, float("nan"))), table))
    assert got["value"] == [one.value for one in expected]
    assert got["confidence"] == [one.confidence for one in expected]


def test_a_body_without_json_is_the_only_input_of_one_record(view) -> None:
    headers = {HEADER.replace("-", "_"): "0", "content_type": "application/octet-stream"}
    got = read_back(reply(INFER, request(b"a dull film", **headers), view))
    assert got["value"] == [view.predictor.predict(["a dull film"])[0].value]


def test_the_request_chooses_outputs_and_their_form_and_gets_its_id_back(view) -> None:
    outputs = [{"name": "confidence"}, {"name": "value", "parameters": {"binary_data": True}}]
    got = reply(INFER, request({"id": "7", "inputs": [texts("a film")], "outputs": outputs}), view)
    head = json.loads(got.body[: int(got.headers[HEADER])])
    assert head["id"] == "7"
    assert [one["name"] for one in head["outputs"]] == ["confidence", "value"]
    assert list(read_back(got)) == ["confidence", "value"]


def test_what_is_to_be_said_of_the_records_stands_among_the_parameters(view) -> None:
    said = Said(unlike_training=["one", "two"])
    got = reply(INFER, request({"inputs": [texts("a film")]}), view, said)
    assert json.loads(got.body)["parameters"] == {"unlike_training": "one\ntwo"}


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"inputs": []}, 400, "no input tensors"),
        ({"inputs": [texts("a", name="txt")]}, 400, "'text'"),
        ({"inputs": [texts("a"), texts("b")]}, 400, "stands twice"),
        ({"inputs": [texts("a") | {"shape": [2]}]}, 400, "2 elements"),
        ({"inputs": [texts("a") | {"shape": [1, 2]}]}, 400, "[n] or [n, 1]"),
        ({"inputs": [texts("a") | {"shape": [10**12]}]}, 400, "too many records"),
        ({"inputs": [texts("a") | {"shape": [0], "data": []}]}, 400, "[n] or [n, 1]"),
        ({"inputs": [texts("a") | {"datatype": "STRING"}]}, 400, "no such datatype"),
        ({"inputs": [texts("a") | {"datatype": "FP32", "data": [1.0]}]}, 400, "wrong type"),
        ({"inputs": [texts("a") | {"data": [1]}]}, 400, "wrong type"),
        ({"inputs": [texts("a") | {"parameters": {"shared_memory_region": "x"}}]}, 400, "shared_memory_region"),
        ({"inputs": [texts("a") | {"parameters": {"binary_data_size": 5}}]}, 400, "stands in the JSON and behind it"),
        ({"inputs": [texts("a")], "parameters": {"sequence_id": 3}}, 400, "sequence_id"),
        ({"inputs": [texts("a")], "parameters": {"priority": 1}}, 400, "priority"),
        ({"inputs": [texts("a")], "outputs": [{"name": "logits"}]}, 400, "no output 'logits'"),
        (
            {"inputs": [texts("a")], "outputs": [{"name": "value", "parameters": {"classification": 3}}]},
            400,
            "classification",
        ),
        ({"inputs": [texts("a")], "stream": True}, 400, "stream"),
        ({"inputs": [texts("a")], "id": 7}, 400, "id"),
    ],
)
def test_what_is_wrong_or_not_there_is_said(view, changes, status, message) -> None:
    got = reply(INFER, request(changes), view)
    assert got.status == status
    assert message in error_of(got)
    assert isinstance(json.loads(got.body)["error"], str)


def test_bytes_that_do_not_fit_are_refused(view) -> None:
    data = packed(b"a film")
    one = {"name": "text", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(data)}}
    assert reply(INFER, sent({"inputs": [one]}, data), view).status == 200
    for wrong in (data[:-1], data + b"x", struct.pack("<I", 2**31) + b"ab"):
        told = one | {"parameters": {"binary_data_size": len(wrong)}}
        assert reply(INFER, sent({"inputs": [told]}, wrong), view).status == 400
    assert "left over" in error_of(reply(INFER, sent({"inputs": [one]}, data, b"more"), view))
    assert "at most" in error_of(reply(INFER, sent({"inputs": [one]}), view))
    assert "UTF-8" in error_of(reply(INFER, sent({"inputs": [one]}, packed(b"\xff" * 6)), view))
    for length in ("-1", "9999", "x", "1" * 30):
        headers = {HEADER.replace("-", "_"): length}
        assert reply(INFER, request(b"{}", **headers), view).status == 400
    assert reply(INFER, request(b"{}", content_encoding="br"), view).status == 415


def test_tensors_of_uneven_length_are_refused(table) -> None:
    inputs = [texts("1", name="age"), texts("1", "2", name="sex")]
    assert "age 1, sex 2" in error_of(reply(INFER, request({"inputs": inputs}), table))


def test_another_version_is_not_found(view) -> None:
    body = {"inputs": [texts("a film")]}
    assert reply(INFER, request(body, {"model": "model", "version": "1"}), view).status == 200
    assert reply(INFER, request(body, {"model": "model", "version": "9"}), view).status == 404


@pytest.mark.parametrize("kind", [kind for kind in NUMBERS if kind != "BF16"])
def test_numbers_come_back_from_bytes_as_they_went(kind) -> None:
    values = [True, False] if kind == "BOOL" else [0, 1, 100]
    head, data = as_bytes(Tensor("x", kind, (len(values),), values))
    assert list(from_bytes("x", kind, tuple(head["shape"]), data).values) == values
    if kind != "FP16":
        told = as_json(Tensor("x", kind, (len(values),), values))
        assert list(from_json("x", kind, tuple(told["shape"]), told["data"]).values) == values


def test_bfloat16_is_the_upper_half_of_a_float() -> None:
    data = np.array([1.5, -2.0], "<f4").view("<u2")[1::2].tobytes()
    assert list(from_bytes("x", "BF16", (2,), data).values) == [1.5, -2.0]
    with pytest.raises(HTTPError, match="binary data only"):
        from_json("x", "BF16", (1,), [1.0])


@pytest.mark.parametrize(("kind", "value"), [("INT8", 128), ("UINT8", -1), ("INT64", 0.5), ("UINT64", -1)])
def test_numbers_that_a_type_does_not_hold_are_refused(kind, value) -> None:
    with pytest.raises(HTTPError, match=f"no {kind}"):
        from_json("x", kind, (1,), [value])


def test_nested_lists_are_rows() -> None:
    assert list(from_json("x", "INT8", (2, 1), [[1], [2]]).values) == [1, 2]


def test_lookups_say_what_there_is(view) -> None:
    about = about_of(view, *OPERATIONS)
    asleep = about_of(view, *OPERATIONS, is_ready=False)
    path = {"model": "model", "version": "1"}

    def told(name: str, models: list[Any], body: Any = b"") -> tuple[int, Any]:
        got = lookup(name).answer(request(body, path), models)
        return got.status, json.loads(got.body)

    assert "binary_tensor_data" in told("server", [about])[1]["extensions"]
    assert told("live", [asleep])[0] == 200
    assert [told("ready", models)[0] for models in ([about], [about, asleep], [])] == [200, 503, 503]
    assert [told("model_ready", [one])[0] for one in (about, asleep)] == [200, 503]
    metadata = told("metadata", [about])[1]
    assert metadata["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert [one["name"] for one in metadata["outputs"]] == ["value", "confidence", "labels", "probabilities", "details"]
    assert told("config", [about])[1]["input"] == [{"name": "text", "data_type": "TYPE_STRING", "dims": [-1]}]
    rows = [{"name": "model", "version": "1", "state": "UNAVAILABLE", "reason": ""}]
    assert told("index", [asleep]) == (200, rows)
    assert told("index", [asleep], {"ready": True}) == (200, [])


@pytest.mark.parametrize(("name", "status"), [("load", 501), ("unload", 501), ("stats", 501)])
def test_what_is_not_offered_says_so(view, name, status) -> None:
    with pytest.raises(HTTPError) as refused:
        lookup(name).answer(request(path={"model": "model"}), [about_of(view, *OPERATIONS)])
    assert refused.value.status == status
    assert isinstance(json.loads(lookup(name).refusal(refused.value).body)["error"], str)


@pytest.mark.parametrize("path", [{"model": "other"}, {"model": "model", "version": "2"}])
def test_what_is_not_served_is_not_found(view, path) -> None:
    with pytest.raises(HTTPError) as refused:
        lookup("metadata").answer(request(path=path), [about_of(view, *OPERATIONS)])
    assert refused.value.status == 404


def test_every_path_stands_once() -> None:
    every = [*OPERATIONS, *LOOKUPS]
    paths = [(one.method, path) for one in every for path in (one.path, *one.aliases)]
    assert len(set(paths)) == len(paths)
    assert len({one.name for one in every}) == len(every)
