"""What is wrong in a job, as a person reads it: file and line, the nearest right word, and what the setting means.

Read next: load.py.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from noria.contract.settings import lines_of, meaning_of
from noria.errors import UserError, UserErrors, did_you_mean
from noria.job.renamed import new_name
from noria.job.text import Where

NOTHING: Mapping[str, Any] = {}


def unknown_key(path: Sequence[object], lines: Mapping[str, str], where: Where) -> UserError:
    """Return the problem of a key that is not among those of its section, which `lines` holds with their meaning."""
    new = new_name(path)
    is_there = bool(new) and new[-1] in lines  # of another component the key may never have been one
    fix = f"it is now called {'.'.join(new)}" if is_there else did_you_mean(str(path[-1]), lines)
    meaning = meaning_of(new[-1] if is_there else str(path[-1]), lines)
    return UserError("unknown key", where=where(path), fix=fix, meaning=meaning)


def wrong_values(
    error: ValidationError,
    where: Where,
    schema: type,
    path: Sequence[object] = (),
    given: Mapping[str, Any] = NOTHING,
) -> list[UserError]:
    """Return what pydantic found in a section at a path; `given` is what the job says there of its own."""
    return [_wrong_value(found, where, schema, path, given) for found in error.errors()]


def unmet_rules(error: UserError, where: Where, path: Sequence[object], lines: Mapping[str, str]) -> list[UserError]:
    """Return what a component itself objects to in its settings, with the place in the job and the meaning."""
    problems = []
    for one in error.problems if isinstance(error, UserErrors) else [error]:
        name = one.where.rpartition(".")[2]
        place, meaning = (where([*path, name]), lines[name]) if name in lines else (one.where, "")
        problems.append(
            UserError(one.what, where=place, expected=one.expected, found=one.found, fix=one.fix, meaning=meaning)
        )
    return problems


def keys_of(schema: Any) -> dict[str, str]:
    """Return the keys of a section or a component as a job writes them, each with its line."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        names = {field.alias or name: name for name, field in schema.model_fields.items()}
    elif isinstance(schema, type) and dataclasses.is_dataclass(schema):
        names = {one.name: one.name for one in dataclasses.fields(schema)}
    else:
        return {}
    lines = lines_of(schema)
    return {key: lines.get(name, "") for key, name in names.items()}


def _wrong_value(found: Any, where: Where, schema: type, path: Sequence[object], given: Mapping[str, Any]) -> UserError:
    keys = found["loc"]
    if found["type"] == "extra_forbidden":
        section = [schema, *(below for _, below in _steps(schema, keys[:-1]))][-1]
        return unknown_key([*path, *keys], keys_of(section), where)
    place, expected = where([*path, *keys]), found["msg"]
    if not keys:  # a rule between settings: those of them that the job gives
        lines, named = keys_of(schema), set(re.findall(r"\w+", expected))
        said = [key for key in given if key in named and lines.get(key)]
        values, meanings = (f"{key}={given[key]!r}" for key in said), (f"{key}: {lines[key]}" for key in said)
        return UserError(
            "wrong value", where=place, expected=expected, found=", ".join(values), meaning=" ".join(meanings)
        )
    meaning = next(filter(None, reversed([line for line, _ in _steps(schema, keys)])), "")
    return UserError("wrong value", where=place, expected=expected, found=repr(found["input"]), meaning=meaning)


def _steps(schema: Any, path: Sequence[object]) -> Iterator[tuple[str, Any]]:
    """Yield, for each key of a path, its line and the section below it, through `| None` and mappings of sections."""
    for key in path:
        lines = keys_of(schema)
        if str(key) in lines:
            line, below = lines[str(key)], _annotation(schema, str(key))
        elif get_origin(schema) is dict:
            line, below = "", get_args(schema)[-1]
        else:
            return
        kinds = get_args(below)
        schema = next((one for one in kinds if one is not NoneType), below) if NoneType in kinds else below
        yield line, schema


def _annotation(schema: Any, key: str) -> Any:
    """Return what a section says of one of its keys; a component's settings hold no sections."""
    fields = schema.model_fields.items() if issubclass(schema, BaseModel) else ()
    return next((field.annotation for name, field in fields if key in (name, field.alias)), None)
