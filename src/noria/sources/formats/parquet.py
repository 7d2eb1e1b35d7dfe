"""Parquet tables as rows, batch by batch; image columns as Hugging Face stores them become bytes.

Needs pyarrow, the extra `parquet`. `numbers` count rows from 0. Read next: parquet_values.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from noria.contract.source import Source, reading
from noria.errors import UserError, needs_extra
from noria.sources.core.column_names import unique_names
from noria.sources.formats.parquet_values import loses_precision, plain_values
from noria.types import Rows


class Parquet(Source):
    """A .parquet file. Numbers without gaps come as arrays, the rest as parquet_values.py says; None is missing."""

    def __init__(self, path: Path, *, split: str = ""):
        self.path, self.root, self._split = path, path.parent, split
        with reading(path), self._open() as table:
            self._notes: list[str] = []
            self.columns = unique_names(table.schema_arrow.names, self._notes)
            cut = [
                name for name, one in zip(self.columns, table.schema_arrow, strict=True) if loses_precision(one.type)
            ]
            if cut:
                self._notes.append(f"times are read to the microsecond: nanoseconds in {', '.join(cut)} are cut")
            if not table.metadata.num_rows:
                raise UserError("the table has no row", where=str(path))

    def files(self) -> list[Path]:
        """Return the one file."""
        return [self.path]

    def notes(self) -> list[str]:
        """Return which columns were given another name, and which are not read to the last digit."""
        return [f"{self.path.name}: {note}" for note in self._notes]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the record batches."""
        start = 0
        with reading(self.path), self._open() as table:
            batches = table.iter_batches(batch_size=chunk_size)
            while (batch := self._next(batches)) is not None:
                columns = {name: self._plain(name, batch.column(i)) for i, name in enumerate(self.columns)}
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

    def _plain(self, name: str, column: Any) -> Any:
        import pyarrow

        try:
            return plain_values(column)
        except (pyarrow.ArrowException, ValueError, OverflowError) as error:
            raise UserError(
                f"the column {name!r} holds values that cannot be read",
                where=str(self.path),
                found=f"{column.type}: {error}",
                fix="write it as text or as numbers",
            ) from error

    def _next(self, batches: Iterator[Any]) -> Any:
        import pyarrow

        try:
            return next(batches, None)
        except (pyarrow.ArrowException, OSError) as error:
            raise UserError("the Parquet file is broken", where=str(self.path), found=str(error)) from error
