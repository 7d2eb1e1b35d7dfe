"""Tensors as they are sent: in JSON, or as bytes behind the JSON. Knows no model.

BYTES    in JSON a list of texts; as bytes, before each element its length in 4 bytes, little-endian
others   in JSON a list of numbers, which may be nested; as bytes, row by row, little-endian
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from noria.errors import UserError, did_you_mean
from noria.service.request.http_error import HTTPError, shown
from noria.service.request.inputs import json_kind

BYTES = "BYTES"
NUMBERS = {
    "BOOL": "?",
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    "FP16": "<f2",
    "BF16": "<u2",  # the upper half of an FP32: read as such
    "FP32": "<f4",
    "FP64": "<f8",
}
NOT_IN_JSON = ("FP16", "BF16")
LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Tensor:
    """A tensor, its elements row by row: numbers, true or false; of BYTES texts (from JSON) or bytes."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Sequence[Any]


def from_json(name: str, datatype: str, shape: tuple[int, ...], data: Any) -> Tensor:
    """Return the tensor of a list, which may be nested; raise HTTPError where it is no such tensor."""
    if datatype in NOT_IN_JSON:
        raise bad(name, f"{datatype} is sent as binary data only", "data as bytes, with binary_data_size")
    if not isinstance(data, list):
        raise bad(name, "the data is no list", found=shown(data))
    values = list(_flat(data))
    kind = {BYTES: "string", "BOOL": "boolean"}.get(datatype, "number")
    for value in values:
        if json_kind(value) != kind:
            raise bad(name, "a value is of the wrong type", f"a {kind}, as {datatype} has it", shown(value))
    if datatype not in (BYTES, "BOOL"):
        values = _as_numbers(name, datatype, values)
    return _of_shape(name, datatype, shape, values)


def from_bytes(name: str, datatype: str, shape: tuple[int, ...], data: bytes) -> Tensor:
    """Return the tensor of binary data; raise HTTPError where it is no such tensor."""
    if datatype == BYTES:
        return _of_shape(name, datatype, shape, _elements(name, data, math.prod(shape)))
    size = np.dtype(NUMBERS[datatype]).itemsize
    if len(data) != math.prod(shape) * size:
        raise _wrong_size(name, f"{math.prod(shape)} x {size} bytes", f"{len(data)} bytes")
    array = np.frombuffer(data, NUMBERS[datatype])
    if datatype == "BF16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return _of_shape(name, datatype, shape, array.tolist())


def as_json(tensor: Tensor) -> dict[str, Any]:
    """Return a tensor as it stands in JSON: NaN as null, bytes that are a file in base64."""
    told: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    if any(isinstance(value, bytes) for value in tensor.values):
        told["parameters"] = {"content_type": "base64"}
    return {**told, "data": [_in_json(value) for value in tensor.values]}


def as_bytes(tensor: Tensor) -> tuple[dict[str, Any], bytes]:
    """Return what stands in JSON of a tensor whose data follows as bytes, and the bytes."""
    if tensor.datatype == BYTES:
        rows = [value if isinstance(value, bytes) else value.encode() for value in tensor.values]
        data = b"".join(LENGTH.pack(len(row)) + row for row in rows)
    else:
        data = np.array(tensor.values, NUMBERS[tensor.datatype]).tobytes()
    told = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    return {**told, "parameters": {"binary_data_size": len(data)}}, data


def check_fields(where: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raise HTTPError for a field or parameter that the protocol does not have, or Noria does not."""
    for name in given:
        if name not in known:
            near = did_you_mean(shown(name), known)
            error = UserError(f"{shown(name)!r} is not known here", where=where, fix=near)
            raise HTTPError(error, code="unknown_field", param=f"{where}.{shown(name)}")


def bad(name: str, what: str, expected: str = "", found: str = "", fix: str = "") -> HTTPError:
    """Return the error of a tensor."""
    error = UserError(what, where=f"input {shown(name)}", expected=expected, found=found, fix=fix)
    return HTTPError(error, code="wrong_tensor", param=f"inputs.{shown(name)}")


def _elements(name: str, data: bytes, count: int) -> list[bytes]:
    found: list[bytes] = []
    place = 0
    while place < len(data):
        if place + LENGTH.size > len(data) or len(found) == count:
            break
        (length,) = LENGTH.unpack_from(data, place)
        place += LENGTH.size
        found.append(data[place : place + length])
        place += length
    if place != len(data) or len(found) != count:
        expected = f"{count} elements, before each its length in 4 bytes"
        raise _wrong_size(name, expected, f"{len(data)} bytes with {len(found)} elements")
    return found


def _of_shape(name: str, datatype: str, shape: tuple[int, ...], values: Sequence[Any]) -> Tensor:
    if len(values) != math.prod(shape):
        expected = f"{math.prod(shape)} elements, as the shape {list(shape)} says"
        raise _wrong_size(name, expected, f"{len(values)} elements")
    return Tensor(name, datatype, shape, values)


def _as_numbers(name: str, datatype: str, values: list[Any]) -> list[Any]:
    kind = np.dtype(NUMBERS[datatype])
    if kind.kind == "f":
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as such
            rounded: list[Any] = np.array(values, kind).tolist()
        return rounded
    limits = np.iinfo(kind)
    for value in values:
        if value != int(value) or not limits.min <= value <= limits.max:
            raise bad(name, f"this is no {datatype}", found=shown(value))
    return [int(value) for value in values]


def _wrong_size(name: str, expected: str, found: str) -> HTTPError:
    return bad(name, "the data is not as large as its shape says", expected, found)


def _flat(data: list[Any]) -> Iterable[Any]:
    for one in data:  # as deep as the JSON may be
        yield from _flat(one) if isinstance(one, list) else (one,)


def _in_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return None if isinstance(value, float) and math.isnan(value) else value
