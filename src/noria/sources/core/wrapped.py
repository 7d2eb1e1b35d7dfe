"""Sources around another source: each chunk changed, or each record in another form. Knows no format."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from noria.contract.source import Source
from noria.types import Rows


class WrappedSource(Source):
    """Another source, each chunk of its records changed."""

    def __init__(self, source: Source, columns: list[str]):
        self._source = source
        self.path, self.root, self.columns = source.path, source.root, columns

    def groups(self) -> Sequence[str]:
        """Return those of what is read, where the columns are still there."""
        return [name for name in self._source.groups() if name in self.columns]

    @abstractmethod
    def changed(self, rows: Rows) -> Rows:
        """Return what a chunk becomes, with all columns."""

    def files(self) -> Iterable[Path]:
        """Return the files that hold the records."""
        return self._source.files()

    def notes(self) -> list[str]:
        """Return the notes of what is read."""
        return self._source.notes()

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield what the chunks become."""
        for rows in self._source.rows(chunk_size):
            yield self.changed(rows)


class MappedSource(WrappedSource):
    """The records of another source in another form; one that does not fit is bad, with the reason."""

    @abstractmethod
    def converted(self, fields: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Return what one record becomes, each with all columns; raise ValueError where it does not fit."""

    def changed(self, rows: Rows) -> Rows:
        """Return what the records become; `numbers` are those of the records."""
        found: list[Mapping[str, Any]] = []
        numbers: list[Any] = []
        flaws: dict[int, str] = {}
        counts: list[int] = []
        for i, record in enumerate(rows.records()):
            try:
                made = self.converted(record.fields)
            except ValueError as error:
                made, flaws[i] = [], str(error)
            found += made
            numbers += [rows.numbers[i]] * len(made)
            counts.append(len(made))
        columns: dict[str, Any] = {name: [one[name] for one in found] for name in self.columns}
        return Rows(columns, rows.origin, numbers, rows.split, rows.flawed(flaws, counts))
