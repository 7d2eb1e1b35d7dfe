"""What every reader gives: a path as a stream of Rows, with its columns, its identity and what a person should know.

Knows no format. The readers stand beside this file, one format each; __init__.py picks one. Read next: csv_table.py.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from noria.errors import UserError
from noria.nouns import Bad, Rows

# Rows of large files are cut earlier than at chunk_size records, so that a chunk stays small beside any memory.
CHUNK_BYTES = 32 * 1024 * 1024


class Source(ABC):
    """A path as rows. `rows` may be called several times and always gives the same records in the same order."""

    path: Path
    root: Path  # the folder that file names in cells are relative to
    columns: list[str]  # known before any row is read

    @abstractmethod
    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield all records, at most chunk_size at a time where the reader streams.

        What could not be read is in `bad`. Raises UserError where the file as a whole is broken.
        """

    @abstractmethod
    def files(self) -> Iterable[Path]:
        """Return the files that hold the rows (not those that cells name)."""

    @abstractmethod
    def notes(self) -> list[str]:
        """Return what a person should know, one sentence each: a guessed encoding, files that were left out."""

    def stamp(self) -> str:
        """Return a cheap identity: sha256 hex over name, size and time of change of the files."""
        digest = hashlib.sha256()
        with reading(self.path):
            for path in self.files():
                status = path.stat()
                name = path.as_posix().removeprefix(f"{self.root.as_posix()}/")
                digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()


class Around(Source):
    """Another source, each chunk of its records changed."""

    def __init__(self, source: Source, columns: list[str]):
        self._source = source
        self.path, self.root, self.columns = source.path, source.root, columns

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


class Converted(Around):
    """The records of another source in another form; one that does not fit is bad, with the reason."""

    @abstractmethod
    def converted(self, fields: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Return what one record becomes, each with all columns; raise ValueError where it does not fit."""

    def changed(self, rows: Rows) -> Rows:
        """Return what the records become; `numbers` are those of the records."""
        found: list[Mapping[str, Any]] = []
        numbers: list[Any] = []
        bad = list(rows.bad)
        for i, record in enumerate(rows.records()):
            try:
                made = self.converted(record.fields)
            except ValueError as error:
                bad.append(Bad(record.where, str(error)))
                continue
            found += made
            numbers += [rows.numbers[i]] * len(made)
        columns: dict[str, Any] = {name: [one[name] for one in found] for name in self.columns}
        return Rows(columns, rows.origin, numbers, rows.split, bad)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn a failing disk, a missing right or a file that vanished into a UserError."""
    try:
        yield
    except OSError as error:
        place = error.filename if isinstance(error.filename, str) else str(path)
        raise UserError("cannot be read", where=place, found=error.strerror or str(error)) from error
