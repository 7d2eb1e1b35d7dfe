"""What a record must hold: the task's inputs as one who writes JSON sees them, and the JSON schema made of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noria.contract import RawType, dispatch
from noria.pipeline.bundle import Bundle
from noria.pipeline.other_data import columns_of, needed_columns_of

CELL_TYPES = ["string", "number", "boolean", "null"]  # of one cell of a table
FACTS = "x-noria"
MOST_SHOWN = 200  # characters of base64 that an example may have: a sound tells nobody anything


@dataclass(frozen=True)
class Input:
    """One field of a record.

    kind     the JSON type of a cell, as in the task's example: string, number, boolean, array or object
    columns  the columns of a field that takes columns
    needed   those of them that a record must have
    example  a JSON value; None where the example is no JSON (a picture as an array)
    is_optional  whether a record may come without it
    facts    what the modality knows of its training values, and its kind
    column   the column that filled it in training, a second name for it; empty where it has the same
    """

    name: str
    raw_type: RawType
    kind: str
    columns: tuple[str, ...]
    needed: tuple[str, ...]
    example: Any
    is_optional: bool = False
    column: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def key_in(self, record: Mapping[str, Any]) -> str:
        """Return the name that the field has in a record: its own, unless only that of its column is there."""
        return self.column if self.name not in record and self.column in record else self.name


def inputs_of(bundle: Bundle) -> list[Input]:
    """Return what a record for this bundle holds."""
    example = bundle.task.example().fields
    learnt = bundle.states.get("inputs", {})  # nothing where a task is only described
    found = []
    for name, modality in bundle.task.inputs.items():
        value = example.get(name, example)  # a table's columns may stand in the record itself
        facts: dict[str, Any] = {"modality": modality.kind}
        if name in learnt:
            facts |= dispatch.value_facts(modality, learnt[name])
            value = facts.pop("example", value)
        filled = columns_of(bundle, name)
        columns = tuple(filled) if modality.raw_type == "columns" else ()
        needed = tuple(needed_columns_of(bundle, name)) if columns else ()
        column = filled[0] if not columns and len(filled) == 1 and filled != [name] else ""
        given = _as_json(value, modality.raw_type)
        kind, is_optional = json_kind(value), modality.is_optional
        found.append(Input(name, modality.raw_type, kind, columns, needed, given, is_optional, column, facts))
    return found


def json_kind(value: Any) -> str:
    """Return the JSON type of a value; arrays count as lists, whole numbers as numbers."""
    if isinstance(value, bool | np.bool_):
        return "boolean"
    if isinstance(value, int | float | np.integer | np.floating):
        return "number"
    if isinstance(value, list | tuple | np.ndarray):
        return "array"
    if isinstance(value, Mapping):
        return "object"
    return "null" if value is None else "string"


def record_schema(inputs: list[Input]) -> dict[str, Any]:
    """Return the JSON schema (2020-12) of one record."""
    named_twice = [field for field in inputs if field.column]
    needed = [[{"required": [name]} for name in (one.name, one.column)] for one in named_twice if not one.is_optional]
    return {
        "type": "object",
        "properties": {name: _field_schema(one, name) for one in inputs for name in (one.name, one.column) if name},
        "required": [field.name for field in inputs if not field.is_optional and not field.column],
        "additionalProperties": False,
    } | ({"allOf": [{"oneOf": names} for names in needed]} if needed else {})


def request_schema(inputs: list[Input]) -> dict[str, Any]:
    """Return the JSON schema of what POST /predict takes: one record, or many."""
    record = record_schema(inputs)
    records = {
        "type": "object",
        "properties": {"records": {"type": "array", "items": record}},
        "required": ["records"],
        "additionalProperties": False,
    }
    return {"anyOf": [records, record]}


def stream_schema(inputs: list[Input], settings: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of what POST /stream takes: one record, and how its answer is to be written."""
    return {
        "type": "object",
        "properties": {"record": record_schema(inputs), "settings": settings},
        "required": ["record"],
        "additionalProperties": False,
    }


def _field_schema(field: Input, name: str) -> dict[str, Any]:
    """Return the schema of a field under one of its names, with what is known of its values, which bounds nothing."""
    same = {} if name == field.name else {"same_as": field.name}
    facts = {**field.facts, **same}
    return _bounds(field) | ({FACTS: facts} if facts else {})


def _bounds(field: Input) -> dict[str, Any]:
    if field.raw_type == "file":
        schema: dict[str, Any] = {
            "type": "string",
            "contentEncoding": "base64",
            "description": "The bytes of a file; as multipart/form-data, a file part of this name.",
        }
        is_shown = field.example is not None and len(str(field.example)) <= MOST_SHOWN
        return schema | ({"examples": [field.example]} if is_shown else {})
    if field.raw_type == "cell":
        kind: Any = [field.kind, "null"] if field.is_optional else field.kind
        return {"type": kind, "examples": [field.example]}
    known = field.example if isinstance(field.example, dict) else {}
    return {
        "type": "object",
        "description": "The columns may also stand in the record itself.",
        "properties": {
            column: {"type": CELL_TYPES} | ({"examples": [known[column]]} if column in known else {})
            for column in field.columns
        },
        "required": list(field.needed),
        "additionalProperties": False,
    }


def _as_json(value: Any, raw_type: RawType) -> Any:
    if raw_type == "file":
        return base64.b64encode(value).decode() if isinstance(value, bytes) else None
    return json.loads(json.dumps(value, default=_plain))


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
