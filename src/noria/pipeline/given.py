"""Records as a program has them: mappings, bare values, arrays, Pillow's pictures, lists of these; one a record.

A mapping holds fields by their own name or by that of the column that filled them in training; the columns of a table
may stand at the top. Whatever is no mapping is the value of the only input. Knows no task. Read next: predictor.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import Modality, only_input
from noria.errors import UserError, nearest
from noria.pipeline.bundle import Bundle
from noria.pipeline.other_data import columns_of, needed_columns_of, text_field
from noria.sources.formats.opening import DATA_SUFFIXES
from noria.types import Values
from noria.vision.pillow import is_pillow, picture_file

Fields = Mapping[str, Any]  # one record


def records_of(bundle: Bundle, given: object) -> Sequence[Fields]:
    """Return what was given as records; raise UserError where it can be none."""
    if isinstance(given, Mapping):
        return [given]
    values = _values_of(bundle, given)
    if all(isinstance(value, Mapping) for value in values):
        return values
    name = _only_input(bundle, given)
    modality = bundle.task.inputs[name]
    columns = columns_of(bundle, name)
    return [value if isinstance(value, Mapping) else {name: _one(value, modality, columns)} for value in values]


def path_of(bundle: Bundle, given: object) -> Path | None:
    """Return the path of records that was given; None for records themselves.

    A text is a path where no record is a text, where there is such a file, and where it looks like the name of one:
    else a model that takes texts would answer the name of a file that is not there.
    """
    if isinstance(given, os.PathLike):
        return Path(given).expanduser()
    if not isinstance(given, str):
        return None
    if not given:  # which would be the folder one is in
        if text_field(bundle) is None:
            raise UserError("an empty text is no path", fix="name a file or a folder")
        return None
    path = Path(given).expanduser()
    if text_field(bundle) is None or _looks_like_path(given) or _is_there(path):
        return path
    return None


def _looks_like_path(text: str) -> bool:
    return text.lower().endswith(DATA_SUFFIXES) or text.startswith(("/", "./", "../", "~/"))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # longer than a name can be; with a NUL
        return False


def lacking(bundle: Bundle, record: Fields) -> str:
    """Return what a record lacks, all of it, in one sentence; empty where it has everything."""
    missing: list[str] = []
    for name, modality in bundle.task.inputs.items():
        if modality.raw_type == "columns":
            table = _table(name, record)
            missing += [column for column in needed_columns_of(bundle, name) if column not in table]
        elif _key(bundle, name, record) is None and not modality.is_optional:
            missing.append(name)
    if not missing and record and not any(_has(bundle, name, record) for name in bundle.task.inputs):
        missing = list(bundle.task.inputs)  # all may be left out, but then nothing else is given
    if not missing:
        return ""
    there = [str(key) for key in record]
    near = {name: found for name in missing if (found := nearest(name, {*there} - {*missing}))}
    meant = "; ".join(f"call {found!r} {name!r}" for name, found in near.items())
    names = ", ".join(map(repr, missing))
    what = f"the fields {names} are missing" if len(missing) > 1 else f"the field {names} is missing"
    return f"{what}; the record has {', '.join(there) or 'no fields'}{f'; {meant}' if meant else ''}"


def values_of(bundle: Bundle, name: str, records: Sequence[Fields], root: Path | None) -> Values:
    """Return the raw values of one input, of records that lack none."""
    modality = bundle.task.inputs[name]
    if modality.raw_type == "columns":
        tables = [_table(name, record) for record in records]
        return {column: [table.get(column) for table in tables] for column in columns_of(bundle, name)}
    keys = [_key(bundle, name, record) for record in records]
    values = [None if key is None else record[key] for key, record in zip(keys, records, strict=True)]
    return [_as_file(value, root) for value in values] if modality.raw_type == "file" else values


def _values_of(bundle: Bundle, given: object) -> list[Any]:
    """Return the records' values: what is one value alone becomes a list of it."""
    if isinstance(given, str | bytes | bytearray | os.PathLike) or is_pillow(given):
        return [given]
    if hasattr(given, "__array__") and not hasattr(given, "to_list"):  # a tensor; a series of pandas is a list
        given = np.asarray(given)
    if isinstance(given, np.ndarray):
        return [given] if _is_one(bundle, given) else list(given)
    if isinstance(given, Iterable):
        return list(given)
    raise _wrong(bundle, given)


def _is_one(bundle: Bundle, array: np.ndarray) -> bool:
    """Say whether an array is one record, and not records along its first axis."""
    name = _only_input(bundle, array)
    modality = bundle.task.inputs[name]
    if modality.raw_type == "file":
        return array.ndim == 0 or not modality.encode([array], bundle.states["inputs"][name]).bad
    return array.ndim == (0 if modality.raw_type == "cell" else 1)


def _one(value: Any, modality: Modality, columns: Sequence[str]) -> Any:
    """Return the value of the only input; the cells of a table's row get the names of its columns."""
    if modality.raw_type != "columns":
        return value.item() if isinstance(value, np.generic) else value
    cells = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(cells, list | tuple) or len(cells) != len(columns):
        found = f"{len(cells)} values" if isinstance(cells, list | tuple) else repr(value)[:80]
        expected = f"a mapping, or the values of the {len(columns)} columns in this order: {', '.join(columns)}"
        raise UserError("this is no row of the table", expected=expected, found=found)
    return dict(zip(columns, cells, strict=True))


def _as_file(value: Any, root: Path | None) -> Any:
    """Return what a field takes that takes a file: bytes, an array, a name below the root, or a path anywhere."""
    if is_pillow(value):
        return picture_file(value)
    if isinstance(value, str) and root is None:
        return Path(value).expanduser()
    is_plain = value is None or isinstance(value, str | bytes | bytearray | np.ndarray | os.PathLike)
    return np.asarray(value) if not is_plain and hasattr(value, "__array__") else value


def _key(bundle: Bundle, name: str, record: Fields) -> str | None:
    """Return the key that an input has in a record: its own name, or that of the column that filled it in training."""
    columns = columns_of(bundle, name)
    return next((key for key in (name, *columns[:1]) if key in record and len(columns) < 2), None)


def _has(bundle: Bundle, name: str, record: Fields) -> bool:
    return bundle.task.inputs[name].raw_type == "columns" or _key(bundle, name, record) is not None


def _table(name: str, record: Fields) -> Fields:
    """Return the columns of a record: in a field of their own, or at the top, where one may have the field's name."""
    own = record.get(name)
    return own if isinstance(own, Mapping) else record


def _only_input(bundle: Bundle, given: object) -> str:
    if len(bundle.task.inputs) != 1:
        raise _wrong(bundle, given)
    return only_input(bundle.task, "be given a value alone")


def _wrong(bundle: Bundle, given: object) -> UserError:
    example = "{" + ", ".join(f'"{name}": ...' for name in bundle.task.inputs) + "}"
    return UserError(
        "this is no record",
        expected=f"{example}, a list of such, a frame, or a path of records",
        found=f"{type(given).__module__}.{type(given).__qualname__}".removeprefix("builtins."),
        fix=f"model.predict([{example}])",
    )
