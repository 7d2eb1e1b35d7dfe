"""Parquet tables as rows, batch by batch; image columns as Hugging Face stores them become bytes.

Needs pyarrow, the extra `parquet`. `numbers` count rows from 0. Read next: contract/source.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from noria.contract.source import Source, reading
from noria.errors import UserError, needs_extra
from noria.types import Rows


class Parquet(Source):
    """A .parquet file. Numbers without gaps come as arrays, everything else as lists; a missing cell is None."""

    def __init__(self, path: Path, *, split: str = ""):
        self.path, self.root, self._split = path, path.parent, split
        with reading(path), self._open() as table:
            self.columns = list(table.schema_arrow.names)
            if not table.metadata.num_rows:
                raise UserError("the table has no row", where=str(path))

    def files(self) -> list[Path]:
        """Return the one file."""
        return [self.path]

    def notes(self) -> list[str]:
        """Return nothing: the format leaves nothing to guess."""
        return []

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the record batches."""
        start = 0
        with reading(self.path), self._open() as table:
            batches = table.iter_batches(batch_size=chunk_size)
            while (batch := self._next(batches)) is not None:
                columns = {name: _values(batch.column(i)) for i, name in enumerate(self.columns)}
                yield Rows(columns, self.path.name, range(start, start + batch.num_rows), self._split)
                start += batch.num_rows

    def _open(self) -> Any:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise needs_extra("pyarrow", "parquet", "reading .parquet files") from error
        try:
            return pyarrow.parquet.ParquetFile(self.path)
        except pyarrow.ArrowInvalid as error:
            raise UserError("is not a whole Parquet file", where=str(self.path), found=str(error)) from error

    def _next(self, batches: Iterator[Any]) -> Any:
        import pyarrow

        try:
            return next(batches, None)
        except (pyarrow.ArrowException, OSError) as error:
            raise UserError("the Parquet file is broken", where=str(self.path), found=str(error)) from error


def _values(column: Any) -> Any:
    """Return a column of a batch as an array where it is numbers without gaps, else as a list."""
    import pyarrow.types as kinds

    if kinds.is_struct(column.type) and {"bytes", "path"} <= {field.name for field in column.type}:
        # Hugging Face's Image and Audio: the bytes, or where they were left out the name of the file.
        return [cell and (cell["bytes"] if cell["bytes"] is not None else cell["path"]) for cell in column.to_pylist()]
    is_number = kinds.is_integer(column.type) or kinds.is_floating(column.type)
    return column.to_numpy(zero_copy_only=False) if is_number and not column.null_count else column.to_pylist()
