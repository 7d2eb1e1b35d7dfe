"""Which split each record belongs to, as a table beside the data says it: `where` names the record, a column its split.

    where,split
    churn.csv:2,train
    churn.csv:3,test

Knows no format. Read next: wrapped.py, preparation/division.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from noria.contract.source import Source
from noria.errors import UserError, did_you_mean
from noria.sources.core.wrapped import WrappedSource
from noria.types import Rows

WHERE = "where"  # the column that names the records


class SplitBeside(WrappedSource):
    """A source with one column more: what the table says of each record; None of those that it does not name."""

    def __init__(self, source: Source, table: Source, column: str):
        if column in source.columns:
            fix = f"call the column of {table.path} otherwise, and say so: data.split.column=NAME"
            raise UserError(f"the data has a column {column!r} of its own", where=str(source.path), fix=fix)
        super().__init__(source, [*source.columns, column])
        self._table, self._column, self._said = table, column, _read(table, column)
        self._found: set[str] = set()
        self._num_unnamed = 0

    def files(self) -> Iterable[Path]:
        """Return the files of the records and of the table: what was prepared holds while both stay as they are."""
        return [*self._source.files(), *self._table.files()]

    def notes(self) -> list[str]:
        """Return the notes of what is read, and where table and data do not name the same records."""
        found = self._source.notes()
        if self._num_unnamed:
            found.append(
                f"{self._num_unnamed:,} records do not stand in {self._table.path}: they are divided as without"
            )
        if unknown := len(self._said) - len(self._found):
            found.append(f"{unknown:,} places in {self._table.path} are of no record that was read")
        return found

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the records with their split; raise UserError where the table names none of them."""
        self._found, self._num_unnamed = set(), 0
        first = ""
        for rows in super().rows(chunk_size):
            first = first or (rows.where(0) if len(rows) else "")
            yield rows
        if first and not self._found:
            raise UserError(
                "no record of the data stands in this table",
                where=str(self._table.path),
                expected=f"places such as {first}",
                found=next(iter(self._said), "no place at all"),
                fix="noria prepare JOB --splits FILE.csv writes such a table",
            )

    def changed(self, rows: Rows) -> Rows:
        """Return the records with what the table says of them."""
        places = [rows.where(i) for i in range(len(rows))]
        named = [place for place in places if place in self._said]
        self._found.update(named)
        self._num_unnamed += len(places) - len(named)
        column: list[Any] = [self._said.get(place) for place in places]
        return Rows({**rows.columns, self._column: column}, rows.origin, rows.numbers, rows.split, rows.bad)


def _read(table: Source, column: str) -> dict[str, str]:
    """Return the split of each place; raise UserError where a column is missing or a place stands in two splits."""
    for name in (WHERE, column):
        if name not in table.columns:
            raise UserError(f"has no column {name!r}", where=str(table.path), fix=did_you_mean(name, table.columns))
    said: dict[str, str] = {}
    for rows in table.rows():
        for place, split in zip(rows.columns[WHERE], rows.columns[column], strict=True):
            if said.setdefault(str(place), str(split)) != str(split):
                raise UserError(
                    "this record stands in two splits",
                    where=f"{table.path}: {place}",
                    found=f"{said[str(place)]}, {split}",
                    fix="name each record once",
                )
    return said
