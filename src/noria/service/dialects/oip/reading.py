"""What a request for an answer holds: its head, its tensors, and what is to be sent back. Read next: infer.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from noria.errors import UserError, did_you_mean
from noria.service.asking.operation import View
from noria.service.dialects.oip.inputs import check_shape, slots_of
from noria.service.dialects.oip.outputs import outputs_of
from noria.service.dialects.oip.tensors import BYTES, NUMBERS, Tensor, bad, check_fields, from_bytes, from_json
from noria.service.request.exchange import JSON, Request
from noria.service.request.http_error import HTTPError, shown
from noria.service.request.json_text import parse_json

BINARY = "application/octet-stream"
HEADER = "inference-header-content-length"
MOST_TENSORS = 10_000  # of one request: a column each


@dataclass(frozen=True)
class Wanted:
    """What is to be sent back: which outputs, which of them as bytes, and the request's own id."""

    outputs: Mapping[str, bool]  # name -> whether as bytes
    id: str | None


def read(request: Request, view: View) -> tuple[list[Tensor], Wanted]:
    """Return the tensors of a request and what it wants; raise HTTPError for what is wrong or not known."""
    _check_kind(request)
    known = [one["name"] for one in outputs_of(view)]
    if request.headers.get(HEADER) == "0":
        return [_only_tensor(request.body, view)], _wanted({}, known)
    told, data = _divided(request, view)
    wanted = _wanted(told, known)
    return _tensors(told, data, view), wanted


def _check_kind(request: Request) -> None:
    packed = request.headers.get("content-encoding", "identity")
    if request.kind not in ("", JSON, BINARY) or packed != "identity":  # tritonclient names no kind of its JSON
        expected = f"Content-Type: {JSON} or {BINARY}, not compressed"
        found = shown(request.headers.get("content-type", "") if packed == "identity" else packed)
        error = UserError("a body of this kind is not read", expected=expected, found=found)
        raise HTTPError(error, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code="unsupported_type")


def _divided(request: Request, view: View) -> tuple[dict[str, Any], bytes]:
    """Return the JSON of a request and the bytes behind it."""
    text = request.headers.get(HEADER)
    if text is None:
        told, data = parse_json(request.body, view.limits), b""
    else:
        if not text.isascii() or not text.isdecimal() or len(text) > 12 or int(text) > len(request.body):
            expected = f"at most the {len(request.body)} bytes of the body"
            error = UserError("the length of the JSON is not right", where=HEADER, expected=expected, found=shown(text))
            raise HTTPError(error, code="wrong_length", param=HEADER)
        told, data = parse_json(request.body[: int(text)], view.limits), request.body[int(text) :]
    if not isinstance(told, dict):
        error = UserError("this is not a request", where="body", expected='{"inputs": [..]}', found=shown(told))
        raise HTTPError(error, code="wrong_type")
    check_fields("request", told, ("id", "parameters", "inputs", "outputs"))
    return told, data


def _only_tensor(body: bytes, view: View) -> Tensor:
    """Return the tensor of a request that is nothing but the bytes of the only input of one record."""
    slots = slots_of(view.inputs)
    if len(slots) != 1 or slots[0].datatype != BYTES:
        names = ", ".join(one.name for one in slots[:20])
        error = UserError("only a model with one input of bytes takes a body without JSON", found=f"inputs {names}")
        raise HTTPError(error, code="wrong_length", param=HEADER)
    return Tensor(slots[0].name, BYTES, (1,), [body])


def _tensors(told: Mapping[str, Any], data: bytes, view: View) -> list[Tensor]:
    given = told.get("inputs")
    if not isinstance(given, list) or not given or len(given) > MOST_TENSORS:
        error = UserError("there are no input tensors", where="inputs", expected="a list of tensors")
        raise HTTPError(error, code="missing_field", param="inputs")
    found: dict[str, Tensor] = {}
    for one in given:
        tensor, data = _tensor(one, data, view)
        if tensor.name in found:
            raise bad(tensor.name, "the input stands twice in the request")
        found[tensor.name] = tensor
    if data:
        error = UserError("bytes are left over behind the tensors", where="body", found=f"{len(data)} bytes")
        raise HTTPError(error, code="wrong_length")
    return list(found.values())


def _tensor(given: Any, data: bytes, view: View) -> tuple[Tensor, bytes]:
    """Return a tensor, and the bytes that are not its own."""
    name, datatype, shape, parameters = _described(given)
    check_shape(name, shape, view.limits)
    size = parameters.get("binary_data_size")
    if size is None:
        return from_json(name, datatype, shape, given.get("data")), data
    if "data" in given:
        raise bad(name, "the data stands in the JSON and behind it")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(data):
        raise bad(name, "binary_data_size is not right", f"at most the {len(data)} bytes that are left", shown(size))
    return from_bytes(name, datatype, shape, data[:size]), data[size:]


def _described(given: Any) -> tuple[str, str, tuple[int, ...], Mapping[str, Any]]:
    """Return name, type, shape and parameters of an input; raise HTTPError where one of them is none."""
    if not isinstance(given, dict) or not isinstance(given.get("name"), str):
        error = UserError(
            "an input is an object with name, datatype, shape and data", where="inputs", found=shown(given)
        )
        raise HTTPError(error, code="wrong_type", param="inputs")
    name, datatype, shape = given["name"], given.get("datatype"), given.get("shape")
    check_fields(f"inputs.{shown(name)}", given, ("name", "datatype", "shape", "data", "parameters"))
    kinds = (*NUMBERS, BYTES)
    if datatype not in kinds:
        found, near = shown(datatype), did_you_mean(shown(datatype), kinds)
        raise bad(name, "there is no such datatype", ", ".join(kinds), found, near)
    if not isinstance(shape, list) or not all(isinstance(n, int) and not isinstance(n, bool) for n in shape):
        raise bad(name, "the shape is no list of whole numbers", "[n] or [n, 1]", shown(shape))
    parameters = given.get("parameters", {})
    if not isinstance(parameters, dict):
        raise bad(name, "the parameters are no object", found=shown(parameters))
    check_fields(f"inputs.{shown(name)}.parameters", parameters, ("binary_data_size",))
    return name, datatype, tuple(shape), parameters


def _wanted(told: Mapping[str, Any], known: Sequence[str]) -> Wanted:
    parameters, given, number = told.get("parameters", {}), told.get("outputs", []), told.get("id")
    if not isinstance(parameters, dict) or not isinstance(given, list) or not isinstance(number, str | None):
        error = UserError("parameters are an object, outputs a list, and the id is a text", where="request")
        raise HTTPError(error, code="wrong_type", param="parameters")
    check_fields("parameters", parameters, ("binary_data_output",))
    outputs = dict(_output(one, known, parameters) for one in given)
    return Wanted(outputs or {name: _flag({}, parameters) for name in known}, number)


def _output(given: Any, known: Sequence[str], parameters: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the name of an output that is asked for, and whether it is to be sent as bytes."""
    name = given.get("name") if isinstance(given, dict) else given
    if not isinstance(given, dict) or name not in known:
        fix = did_you_mean(shown(name), known)
        error = UserError(f"there is no output {shown(name)!r}", where="outputs", expected=", ".join(known), fix=fix)
        raise HTTPError(error, code="unknown_field", param="outputs")
    check_fields(f"outputs.{name}", given, ("name", "parameters"))
    own = given.get("parameters", {})
    check_fields(f"outputs.{name}.parameters", own if isinstance(own, dict) else {"": own}, ("binary_data",))
    return str(name), _flag(own, parameters)


def _flag(own: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    value = own.get("binary_data", parameters.get("binary_data_output", False))
    if not isinstance(value, bool):
        error = UserError("whether an output is sent as bytes is true or false", found=shown(value))
        raise HTTPError(error, code="wrong_type", param="parameters.binary_data_output")
    return value
