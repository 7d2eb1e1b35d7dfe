"""What was learnt, as JSON and arrays: large numbers stand in a file of safetensors beside the JSON that names them.

A state is JSON-able but for arrays of numpy, which may stand anywhere in it. Knows no task.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from noria.errors import UserError
from noria.store.disk import write_synced

ARRAY = "$array"  # the only key of an object that stands for an array, and names it
ESCAPE = "$"  # stands once more before a key of the content's own that is like it: a column may be called anything


def split_arrays(content: Any, path: str = "") -> tuple[Any, dict[str, np.ndarray]]:
    """Return the content as JSON, each array replaced by its name, and the arrays by name."""
    arrays: dict[str, np.ndarray] = {}

    def plain(value: Any, path: str) -> Any:
        if isinstance(value, np.ndarray):
            arrays[path] = np.ascontiguousarray(value)
            return {ARRAY: path}
        if isinstance(value, Mapping):
            return {_escaped(key): plain(one, f"{path}.{key}" if path else str(key)) for key, one in value.items()}
        if isinstance(value, list):
            return [plain(one, f"{path}.{index}") for index, one in enumerate(value)]
        return value

    return plain(content, path), arrays


def join_arrays(content: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the content with its arrays in their places again; raise UserError where one is missing."""
    if isinstance(content, Mapping):
        if content.keys() == {ARRAY}:
            name = content[ARRAY]
            if not isinstance(name, str) or name not in arrays:
                raise UserError("an array is missing", expected="one of those that were written", found=repr(name)[:80])
            return arrays[name]
        return {_unescaped(key): join_arrays(one, arrays) for key, one in content.items()}
    if isinstance(content, list):
        return [join_arrays(one, arrays) for one in content]
    return content


def _escaped(key: Any) -> Any:
    return f"{ESCAPE}{key}" if isinstance(key, str) and _is_like_array(key) else key


def _unescaped(key: Any) -> Any:
    is_escaped = isinstance(key, str) and key != ARRAY and _is_like_array(key)
    return key.removeprefix(ESCAPE) if is_escaped else key


def _is_like_array(key: str) -> bool:
    return key.endswith(ARRAY) and not key.removesuffix(ARRAY).strip(ESCAPE)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> str:
    """Write arrays where there are any; return the sha256 of the file, "" for none."""
    if not arrays:
        return ""
    from safetensors.numpy import save

    data = save(dict(arrays))
    write_synced(path, data)
    return hashlib.sha256(data).hexdigest()


def read_arrays(path: Path, sha256: str | None = None) -> dict[str, np.ndarray]:
    """Read arrays; none where there is no file. Raises UserError where they are not what was written."""
    if not path.exists():
        if sha256:
            raise UserError("a file is missing", where=str(path))
        return {}
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError("this file cannot be read", where=str(path), found=error.strerror or str(error)) from error
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise UserError("this file is not what was written", where=str(path))
    try:
        arrays: dict[str, np.ndarray] = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UserError("this file is damaged", where=str(path), found=str(error)) from error
    return arrays


def is_same(one: Any, other: Any) -> bool:
    """Say whether two states, or parts of them, hold the same."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return type(one) is type(other) and one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    return bool(one == other)
