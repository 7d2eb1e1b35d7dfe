"""A frame in memory as rows: of pandas, polars or pyarrow, or of whatever gives an Arrow stream.

Nothing is imported for it but pyarrow, for a frame of another library: a frame's own way out is called, some rows at a
time. Cells become what readers of files give: plain values, and None where one is missing. A frame has no file: its
path is made of a hash of what it holds. Read next: contract/source.py.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeGuard

import numpy as np

from noria.contract.source import Source
from noria.errors import UserError, needs_extra
from noria.types import Rows
from noria.vision.pillow import is_pillow, picture_file

IN_MEMORY = "memory:"  # what the path of data begins with that is no file
FRAME = "frame"  # where its rows stand: frame:0 is the first
SHOWN_COLUMNS = 12
_CHUNK = 4096
_FRAMES = {"pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "Table"}
_AS_READ = {str, int, bool, type(None)}
_MISSING = ("NAType", "NaTType")  # of pandas, which have no value to compare with


class FrameLike(Protocol):
    """A table in memory, by what pandas, polars, pyarrow, duckdb and others agree on."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


def is_frame(value: object) -> TypeGuard[FrameLike]:
    """Say whether a value is a table in memory: it has columns by name, and gives them as an Arrow stream."""
    has_names = hasattr(value, "columns") or hasattr(value, "column_names")
    return has_names and (hasattr(value, "__arrow_c_stream__") or isinstance(value, Frame))


class Frame(Source):
    """The rows of a frame. `numbers` count them from 0; files that cells name are relative to where you are."""

    def __init__(self, frame: Any) -> None:
        self._frame, self._library = _known(frame)
        names = self._frame.column_names if self._library == "pyarrow" else self._frame.columns
        self.columns = [str(name) for name in names]
        self._num_rows = int(self._frame.shape[0])
        self.root = Path()
        if twice := [name for name, count in Counter(self.columns).items() if count > 1]:
            raise UserError(f"several columns of the frame are called {twice[0]!r}", fix="give each a name of its own")
        if not self.columns or not self._num_rows:
            raise UserError("the frame is empty", found=f"{self._num_rows} rows, {len(self.columns)} columns")
        shown = ", ".join(self.columns[:SHOWN_COLUMNS])
        more = ", ..." if len(self.columns) > SHOWN_COLUMNS else ""
        self.path = Path(f"{IN_MEMORY}{self._digest()[:16]} ({self._num_rows} rows; {shown.replace('/', '|')}{more})")

    def files(self) -> list[Path]:
        """Return nothing: no file holds the rows, and the path says which they are."""
        return []

    def notes(self) -> list[str]:
        """Return that an index with a name is no column."""
        name = getattr(getattr(self._frame, "index", None), "name", None)
        return [] if name is None else [f"the index {name!r} is no column; frame.reset_index() makes it one"]

    def rows(self, chunk_size: int = _CHUNK) -> Iterator[Rows]:
        """Yield the rows, chunk by chunk."""
        for start in range(0, self._num_rows, chunk_size):
            end = min(start + chunk_size, self._num_rows)
            cells = _cells_of(self._frame, self._library, start, end)
            columns: dict[str, list[Any] | np.ndarray] = {
                name: _column(values) for name, values in zip(self.columns, cells, strict=True)
            }
            yield Rows(columns, FRAME, range(start, end))

    def _digest(self) -> str:
        digest = hashlib.sha256(repr(self.columns).encode())
        for rows in self.rows():
            for name, values in rows.columns.items():
                try:
                    _add(digest, values)
                except TypeError as error:
                    raise UserError(
                        f"the column {name!r} of the frame holds what is no value",
                        expected="numbers, texts, dates, true or false, arrays, pictures, bytes, lists of these",
                        found=str(error),
                    ) from None
        return digest.hexdigest()


def _known(frame: Any) -> tuple[Any, str]:
    """Return the frame and the library whose way out it has; one of another library becomes one of pyarrow."""
    for library, name in _FRAMES.items():
        module = sys.modules.get(library)  # a frame of a library that nobody imported there is not
        if module is not None and isinstance(frame, getattr(module, name)):
            return frame, library
    try:
        import pyarrow
    except ImportError as error:
        raise needs_extra("pyarrow", "parquet", f"a frame of {type(frame).__module__}") from error
    return pyarrow.table(frame), "pyarrow"


def _cells_of(frame: Any, library: str, start: int, end: int) -> list[list[Any]]:
    """Return the cells of some rows, column by column."""
    if library == "pandas":
        some = frame.iloc[start:end]
        return [some.iloc[:, place].tolist() for place in range(some.shape[1])]
    if library == "polars":
        return [column.to_list() for column in frame.slice(start, end - start).get_columns()]
    return [column.to_pylist() for column in frame.slice(start, end - start).columns]


def _column(values: list[Any]) -> list[Any]:
    """Return a column's cells as a reader of files gives them; most are so already."""
    kinds = set(map(type, values))
    if kinds <= {float, type(None)}:
        return [None if value != value else value for value in values]
    return values if kinds <= _AS_READ else [_cell(value) for value in values]


def _cell(value: Any) -> Any:
    """Return a cell as a reader of files gives it."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.generic):
        value = value.astype("datetime64[us]").item() if isinstance(value, np.datetime64) else value.item()
    if type(value).__name__ in _MISSING or (isinstance(value, float) and value != value):
        return None
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False)
    return picture_file(value) if is_pillow(value) else value


def _add(digest: Any, value: Any) -> None:
    """Add a value, or the values of a list, to a digest; raise TypeError for one whose text is not what it holds."""
    if isinstance(value, bytes | bytearray):
        digest.update(b"bytes %d " % len(value) + value)
    elif isinstance(value, np.ndarray) and value.dtype != object:
        digest.update(f"array {value.dtype} {value.shape} ".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, list | tuple | np.ndarray):
        kinds = set(map(type, value))
        if kinds == {float}:
            digest.update(b"floats " + np.array(value, np.float64).tobytes())
            return
        if kinds <= _AS_READ | {float}:
            digest.update(repr(list(value)).encode("utf-8", "surrogatepass"))
            return
        digest.update(b"list %d " % len(value))
        for one in value:
            _add(digest, one)
    elif isinstance(value, Mapping):
        _add(digest, [part for item in value.items() for part in item])
    elif type(value).__repr__.__qualname__ == "object.__repr__":
        raise TypeError(f"{type(value).__module__}.{type(value).__qualname__}")
    else:
        digest.update(f"{type(value).__name__} {value!r} ".encode("utf-8", "surrogatepass"))
