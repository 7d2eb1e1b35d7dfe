"""From what a client sent to records the predictor takes: the same ones from JSON and from a form.

Every problem of a request is named at once, with the record, the field and what to mend. A file is its bytes: a text is
never taken for a path or an address. What the values mean is the predictor's affair. Read next: inputs.py.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from noria.errors import UserError, did_you_mean
from noria.service.request.form import Part
from noria.service.request.http_error import HTTPError, raise_all, shown
from noria.service.request.inputs import Input, json_kind
from noria.service.request.json_text import parse_json
from noria.service.request.limits import Limits

MANY = 20  # problems after which the rest of a request is not looked at


def records_of_json(body: Any, limits: Limits) -> list[Any]:
    """Return the raw records of `{"records": [..]}` or of one record."""
    if isinstance(body, dict) and isinstance(body.get("records"), list):
        raise_all(unknown_fields(body, ["records"], "body"))
        _check_count(len(body["records"]), limits)
        return list(body["records"])
    if isinstance(body, list):
        error = UserError("a list is not a request", where="body", fix='put it into {"records": [..]}')
        raise HTTPError(error, code="wrong_type")
    return [body]


def records_of_form(parts: Iterable[Part], inputs: list[Input], limits: Limits) -> list[Any]:
    """Return the raw records of a form: the n-th part of each name belongs to the n-th record."""
    columns: dict[str, list[Any]] = {}
    for part in parts:
        columns.setdefault(part.name, []).append(part.value)
    counts = {name: len(values) for name, values in columns.items()}
    if len(set(counts.values())) > 1:
        error = UserError(
            "the fields of the form do not stand in it equally often",
            where="body",
            found=", ".join(f"{shown(name)} {count} times" for name, count in list(counts.items())[:MANY]),
            fix="give every field once for each record",
        )
        raise HTTPError(error, code="uneven_form")
    count = max(counts.values(), default=1)
    _check_count(count, limits)
    parsed = [field for field in inputs if field.raw_type == "cell" and field.kind != "string"]
    for name in {field.key_in(columns) for field in parsed} & columns.keys():
        columns[name] = [parse_json(v.encode(), limits) if isinstance(v, str) else v for v in columns[name]]
    return [{name: values[i] for name, values in columns.items()} for i in range(count)]


def checked(records: Iterable[Any], inputs: list[Input]) -> list[dict[str, Any]]:
    """Return the records as the predictor takes them; raise HTTPError naming everything that is wrong with them."""
    found: list[dict[str, Any]] = []
    problems: list[HTTPError] = []
    for index, record in enumerate(records):
        found.append(_checked(index, record, inputs, problems))
        if len(problems) >= MANY:
            break
    raise_all(problems[:MANY])
    return found


def unknown_fields(body: Mapping[str, Any], known: Iterable[str], where: str) -> list[HTTPError]:
    """Return the errors of what a body holds beside the fields that it may hold."""
    known = set(known)
    return [_unknown(name, known, where, shown(name)) for name in _strangers(body, known)]


def _checked(index: int, record: Any, inputs: list[Input], problems: list[HTTPError]) -> dict[str, Any]:
    where, param = f"record {index}", f"records[{index}]"
    if not isinstance(record, dict):
        problems.append(_wrong(where, param, "an object with the fields of the record", record))
        return {}
    values: dict[str, Any] = {}
    known: set[str] = set()
    for field in inputs:
        if field.raw_type == "columns":
            is_nested = field.name in record and (isinstance(record[field.name], dict) or not _is_column(field))
            known |= {field.name} if is_nested else set(field.columns)
            values[field.name] = _table(field, record, is_nested, index, problems)
        else:
            key = field.key_in(record)
            known.add(key)
            if record.get(key) is None and field.is_optional:
                values[field.name] = None
            elif key in record:
                values[field.name] = _value(field, record[key], index, problems)
            else:
                problems.append(_missing(field.name, record, where, f"{param}.{field.name}"))
    problems += [_unknown(name, known, where, f"{param}.{shown(name)}") for name in _strangers(record, known)]
    return values


def _is_column(field: Input) -> bool:
    return field.name in field.columns


def _table(
    field: Input, record: Mapping[str, Any], is_nested: bool, index: int, problems: list[HTTPError]
) -> dict[str, Any]:
    """Return the columns of one record, which stand in a field of their own or in the record itself."""
    table = record[field.name] if is_nested else record
    where = f"record {index}, {field.name}" if is_nested else f"record {index}"
    param = f"records[{index}].{field.name}" if is_nested else f"records[{index}]"
    if not isinstance(table, dict):
        problems.append(_wrong(where, param, "an object with the columns", table))
        return {}
    for column in field.columns:
        if column not in table and column not in field.needed:
            continue
        if column not in table:
            problems.append(_missing(column, table, where, f"{param}.{column}"))
        elif isinstance(table[column], list | dict | bytes):
            expected = "a text, a number, true, false or null"
            problems.append(_wrong(f"{where}, {column}", f"{param}.{column}", expected, table[column]))
        if len(problems) >= MANY:
            break
    if is_nested:
        strangers = _strangers(table, set(field.columns))
        problems += [_unknown(name, field.columns, where, f"{param}.{shown(name)}") for name in strangers]
    return {column: table.get(column) for column in field.columns}


def _value(field: Input, value: Any, index: int, problems: list[HTTPError]) -> Any:
    where, param = f"record {index}, {field.name}", f"records[{index}].{field.name}"
    if field.raw_type == "file":
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            return _file_bytes(value, where, param, problems)
        problems.append(_wrong(where, param, "the bytes of the file as base64 text", value))
    elif isinstance(value, bytes):
        problems.append(_wrong(where, param, f"a form field ({field.kind}), not a file", value))
    elif json_kind(value) != field.kind:
        problems.append(_wrong(where, param, f"a value of type {field.kind}", value))
    return value


def _file_bytes(text: str, where: str, param: str, problems: list[HTTPError]) -> bytes:
    """Return the bytes that a base64 text stands for; nothing is ever opened or fetched for it."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        is_address = "://" in text[:20] or text.startswith("data:")
        error = UserError(
            "an address is never fetched" if is_address else "this is not base64",
            where=where,
            expected="the bytes of the file as base64 text",
            found=shown(text),
            fix="`base64 -w0 FILE` prints it; or send the file itself as multipart/form-data",
        )
        problems.append(HTTPError(error, code="address" if is_address else "not_base64", param=param))
        return b""


def _strangers(record: Mapping[str, Any], known: set[str]) -> list[str]:
    return [name for name in record if name not in known][:MANY]


def _unknown(name: str, known: Iterable[str], where: str, param: str) -> HTTPError:
    near = did_you_mean(shown(name), known)
    return HTTPError(
        UserError(f"there is no field {shown(name)!r}", where=where, fix=near), code="unknown_field", param=param
    )


def _missing(name: str, record: Mapping[str, Any], where: str, param: str) -> HTTPError:
    there = [shown(other) for other in list(record)[:MANY]]
    error = UserError(
        f"the field {name!r} is missing",
        where=where,
        found=", ".join(there) or "no fields",
        fix="GET /models/NAME/schema says what a record holds",
    )
    return HTTPError(error, code="missing_field", param=param)


def _wrong(where: str, param: str, expected: str, found: Any) -> HTTPError:
    error = UserError("this value is of the wrong type", where=where, expected=expected, found=shown(found))
    return HTTPError(error, code="wrong_type", param=param)


def _check_count(count: int, limits: Limits) -> None:
    if count > limits.records:
        error = UserError(
            "the request holds too many records",
            where="body",
            expected=f"at most {limits.records}",
            found=str(count),
            fix="send them in several requests",
        )
        raise HTTPError(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large")
