"""A source with one of its columns once more, under another name: where what is given is also what is asked for."""

from __future__ import annotations

from dataclasses import replace

from noria.contract.source import Source
from noria.sources.core.wrapped import WrappedSource
from noria.types import Rows


class DuplicatedColumn(WrappedSource):
    """A source whose records hold `column` as `name` too; nothing is copied."""

    def __init__(self, source: Source, column: str, name: str):
        super().__init__(source, [*source.columns, name])
        self._column, self._name = column, name

    def changed(self, rows: Rows) -> Rows:
        """Return the records with the column more."""
        return replace(rows, columns={**rows.columns, self._name: rows.columns[self._column]})
