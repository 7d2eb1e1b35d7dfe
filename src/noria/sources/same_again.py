"""A source with one of its columns once more, under another name: where what is given is also what is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from noria.nouns import Rows
from noria.sources.source import Source


class SameAgain(Source):
    """A source whose records hold `column` as `name` too."""

    def __init__(self, source: Source, column: str, name: str):
        self._source, self._column, self._name = source, column, name
        self.path, self.root = source.path, source.root
        self.columns = [*source.columns, name]

    def files(self) -> Iterable[Path]:
        """Return the files that are read."""
        return self._source.files()

    def notes(self) -> list[str]:
        """Return the notes of what is read."""
        return self._source.notes()

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the records; nothing is copied."""
        for rows in self._source.rows(chunk_size):
            yield replace(rows, columns={**rows.columns, self._name: rows.columns[self._column]})
