"""Which input tensors a model has, and the records that they hold: one tensor a field, of a table one a column.

    a file              BYTES    its bytes; in JSON base64
    a text              BYTES
    a list, an object   BYTES    its JSON: a conversation, a history
    a number            FP64     any type of numbers will do
    a column            BYTES    any type will do; NaN and nothing at all are a missing cell

All have the shape [n] or [n, 1], n being the number of records.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from noria.errors import UserError, did_you_mean
from noria.service.dialects.oip.tensors import BYTES, Tensor, bad
from noria.service.request.http_error import HTTPError, shown
from noria.service.request.inputs import Input, json_kind
from noria.service.request.json_text import parse_json
from noria.service.request.limits import Limits

Holds = Literal["file", "string", "number", "boolean", "json", "cell"]
DATATYPES: dict[Holds, str] = {"number": "FP64", "boolean": "BOOL"}  # of all others BYTES


@dataclass(frozen=True)
class Slot:
    """An input tensor of a model: what it is called, of which type it should be, and what its elements hold."""

    name: str
    datatype: str
    holds: Holds
    is_optional: bool
    other_name: str = ""  # the column that filled the field in training

    def metadata(self) -> dict[str, Any]:
        """Return what the model's metadata say of it."""
        return {"name": self.name, "datatype": self.datatype, "shape": [-1]}


def slots_of(inputs: Sequence[Input]) -> list[Slot]:
    """Return the input tensors of a model, in the order of its fields and their columns."""
    found = []
    for field in inputs:
        if field.raw_type == "columns":
            known = field.example if isinstance(field.example, dict) else {}
            for column in field.columns:
                is_number = json_kind(known.get(column, "")) == "number"
                is_optional = column not in field.needed
                found.append(Slot(column, "FP64" if is_number else BYTES, "cell", is_optional))
        else:
            holds = _holds(field)
            datatype = DATATYPES.get(holds, BYTES)
            found.append(Slot(field.name, datatype, holds, field.is_optional, field.column))
    return found


def records_of(tensors: Sequence[Tensor], slots: Sequence[Slot], limits: Limits) -> list[dict[str, Any]]:
    """Return the raw records that tensors hold; what a record lacks is said where records are checked."""
    count = _count(tensors)
    records: list[dict[str, Any]] = [{} for _ in range(count)]
    for tensor in tensors:
        slot = _slot(tensor.name, slots)
        for record, value in zip(records, tensor.values, strict=True):
            record[tensor.name] = _value(value, slot, tensor, limits)
    return records


def check_shape(name: str, shape: tuple[int, ...], limits: Limits) -> None:
    """Raise HTTPError for a shape that no tensor of records has, before anything of it is read."""
    if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)) or shape[0] < 1:
        raise bad(name, "the shape is not that of one value a record", "[n] or [n, 1]", str(list(shape)))
    if shape[0] > limits.records:
        fix = "send them in several requests"
        raise bad(name, "the request holds too many records", f"at most {limits.records}", str(shape[0]), fix)


def _holds(field: Input) -> Holds:
    if field.raw_type == "file":
        return "file"
    kinds: dict[str, Holds] = {"string": "string", "number": "number", "boolean": "boolean"}
    return kinds.get(field.kind, "json")


def _count(tensors: Sequence[Tensor]) -> int:
    counts = {tensor.name: tensor.shape[0] for tensor in tensors}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{shown(name)} {count}" for name, count in list(counts.items())[:20])
        error = UserError("the tensors are not of equally many records", where="inputs", found=found)
        raise HTTPError(error, code="uneven_tensors", param="inputs")
    return max(counts.values(), default=0)


def _slot(name: str, slots: Sequence[Slot]) -> Slot:
    for slot in slots:
        if name and name in (slot.name, slot.other_name):
            return slot
    names = [slot.name for slot in slots]
    fix = did_you_mean(shown(name), names)
    error = UserError(f"there is no input {shown(name)!r}", where="inputs", expected=", ".join(names[:20]), fix=fix)
    raise HTTPError(error, code="unknown_field", param=f"inputs.{shown(name)}")


def _value(value: Any, slot: Slot, tensor: Tensor, limits: Limits) -> Any:
    is_text = tensor.datatype == BYTES
    if slot.holds == "cell":
        return _text(value, tensor) if is_text else _number(value, tensor, is_missing_allowed=True)
    if is_text != (slot.datatype == BYTES) or (slot.holds == "boolean") != (tensor.datatype == "BOOL"):
        raise bad(tensor.name, "the tensor is of the wrong type", slot.datatype, tensor.datatype)
    if slot.holds == "json":
        return parse_json(value if isinstance(value, bytes) else value.encode(), limits)
    if slot.holds == "string":
        return _text(value, tensor)
    return _number(value, tensor) if slot.holds == "number" else value


def _text(value: str | bytes, tensor: Tensor) -> str:
    if isinstance(value, str):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad(tensor.name, "a text is not UTF-8", found=f"byte {error.start} of it") from error


def _number(value: Any, tensor: Tensor, is_missing_allowed: bool = False) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        if is_missing_allowed and math.isnan(value):
            return None
        raise bad(tensor.name, "a number is not finite", found=str(value))
    return value
