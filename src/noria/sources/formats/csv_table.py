"""CSV and TSV tables as rows of str: delimiter sniffed, broken rows quarantined by line number.

The first line names the columns, unless `columns` does.

Streams: never holds more than a chunk, nor a line longer than sources/core/text_file.py allows. Line numbers are an
editor's, also after quoted newlines. Does not convert cells to numbers. Read next: sources/core/text_file.py,
csv_dialect.py.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from noria.contract.source import Source, reading
from noria.errors import UserError, UserErrors
from noria.sources.core.limits import CHUNK_BYTES
from noria.sources.core.text_file import MAX_LINE_CHARACTERS, Lines, Opener, TextFile
from noria.sources.formats.csv_dialect import Dialect, sniff_dialect, sniff_headerless
from noria.types import Rejected, Rows

_Cells = tuple[int, list[str]]  # the line a record begins in, and its cells


class CsvTable(Source):
    """A CSV or TSV file; every cell is a str. `columns` names those of a file whose first line is a record."""

    def __init__(
        self,
        path: Path,
        *,
        encoding: str | None = None,
        columns: Sequence[str] = (),
        split: str = "",
        name: str = "",
        opener: Opener | None = None,
    ):
        self.path, self.root, self._split = path, path.parent, split
        self._notes: list[str] = []
        with reading(path):
            self._text = TextFile(path, name=name, declared=encoding, opener=opener)
            self._place = str(path) if not name else f"{path}/{name}"
            samples = self._text.samples()
            self._dialect = sniff_dialect(samples[0], path.suffix, samples[1:])
            self._has_header = not columns or self._names_itself(columns)
            if not self._has_header:
                self._dialect = sniff_headerless(samples, len(columns)) or self._refuse_width(columns)
            self.columns = self._read_header() if self._has_header else list(columns)

    def files(self) -> list[Path]:
        """Return the one file."""
        return [self.path]

    def notes(self) -> list[str]:
        """Return how the encoding was guessed, and which columns had no name."""
        guess = [f"{self._text.name}: {self._text.note}"] if self._text.note else []
        return guess + self._notes

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the records; `numbers` are the lines they begin in."""
        with reading(self.path):
            lines = self._text.lines()
            records = _records(lines, self._dialect, self._place)
            if self._has_header:
                next(records)
            chunk = self._new_chunk()
            cut_at = CHUNK_BYTES
            for start, cells in records:
                chunk.add(start, cells, _flaw(lines, start))
                if len(chunk) >= chunk_size or lines.num_characters > cut_at:
                    yield chunk.rows()
                    chunk = self._new_chunk()
                    cut_at = lines.num_characters + CHUNK_BYTES
            if len(chunk):
                yield chunk.rows()

    def _new_chunk(self) -> _Chunk:
        return _Chunk(self.columns, self._text.name, self._split, "the header" if self._has_header else "data.columns")

    def _names_itself(self, columns: Sequence[str]) -> bool:
        """Say whether the first line is a header all the same: it holds every name."""
        _, cells = self._first_record()
        is_header = set(columns) <= {cell.strip() for cell in cells}
        if is_header:
            self._notes.append(f"{self._text.name}: the first line names the columns, so it is no record")
        return is_header

    def _refuse_width(self, columns: Sequence[str]) -> NoReturn:
        line, cells = self._first_record()
        raise UserError(
            f"most records do not have the {len(columns)} cells that data.columns names",
            where=f"{self._place}:{line}",
            expected=", ".join(columns),
            found=f"{len(cells)} cells: {' | '.join(cell[:30] for cell in cells[:5])}" if cells else "blank lines",
        )

    def _first_record(self) -> _Cells:
        return next(_records(self._text.lines(), self._dialect, self._place), (1, []))

    def _read_header(self) -> list[str]:
        lines = self._text.lines()
        records = _records(lines, self._dialect, self._place)
        header = next(records, None)
        if header is None:
            raise UserError("the file is empty", where=self._place)
        line, cells = header
        if flaw := _flaw(lines, line):
            raise UserError(f"the header cannot be read: {flaw}", where=f"{self._place}:{line}")
        names = [cell.strip() for cell in cells]
        if any(names) and all(_is_number(name) for name in names):
            raise UserError(
                "the first line must name the columns",
                where=f"{self._place}:{line}",
                found=", ".join(names[:5]),
                fix="write a first line with a name for each column, or give the names: data.columns=[text, label]",
            )
        names = self._fill_empty(names)
        self._refuse_duplicates(names, line)
        if next(records, None) is None:
            raise UserError("there is a header but no row", where=self._place, found=", ".join(names[:5]))
        return names

    def _fill_empty(self, names: list[str]) -> list[str]:
        """Name a column without a name, such as the row number that pandas writes, by its place."""
        for i, name in enumerate(names, start=1):
            if not name:
                self._notes.append(f"{self._text.name}: column {i} has no name and is called column_{i}")
        return [name or f"column_{i}" for i, name in enumerate(names, start=1)]

    def _refuse_duplicates(self, names: list[str], line: int) -> None:
        twice = [name for name, count in Counter(names).items() if count > 1]
        problems = [
            UserError(
                f"{names.count(name)} columns are named {name[:60]!r}",
                where=f"{self._place}:{line}",
                expected="a different name for each column",
            )
            for name in twice
        ]
        if problems:
            raise problems[0] if len(problems) == 1 else UserErrors(problems)


class _Chunk:
    """Records gathered until they are Rows."""

    def __init__(self, columns: list[str], origin: str, split: str, named_by: str):
        self._columns, self._origin, self._split, self._named_by = columns, origin, split, named_by
        self._numbers: list[int] = []
        self._cells: list[list[str]] = []
        self._bad: list[Rejected] = []

    def __len__(self) -> int:
        return len(self._numbers) + len(self._bad)

    def add(self, number: int, cells: list[str], flaw: str) -> None:
        if not flaw and len(cells) != len(self._columns):
            flaw = f"{len(cells)} cells where {self._named_by} has {len(self._columns)}"
        if flaw:
            self._bad.append(Rejected(f"{self._origin}:{number}", flaw, len(self._numbers)))
        else:
            self._numbers.append(number)
            self._cells.append(cells)

    def rows(self) -> Rows:
        values = zip(*self._cells, strict=True) if self._cells else ([] for _ in self._columns)
        columns: dict[str, list[Any] | np.ndarray] = {
            name: list(column) for name, column in zip(self._columns, values, strict=True)
        }
        return Rows(columns, self._origin, self._numbers, self._split, self._bad)


def _records(lines: Lines, dialect: Dialect, place: str) -> Iterator[_Cells]:
    """Yield each record that is not a blank line with the line it begins in."""
    # One limit for the whole process (there is none per reader). It is raised once, to the longest line allowed.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_CHARACTERS))
    reader = csv.reader(iter(lines), delimiter=dialect.delimiter, quoting=dialect.quoting)
    start = 1
    try:
        for cells in reader:
            if lines.is_exhausted:  # the parser asked for one line more: a quote is still open
                raise _unclosed_quote(place, start)
            if cells:
                yield start, cells
            start = lines.number + 1
    except csv.Error as error:
        raise _unclosed_quote(place, start) from error


def _unclosed_quote(place: str, line: int) -> UserError:
    return UserError(
        "a quote is opened in the record that begins here and never closed",
        where=f"{place}:{line}",
        fix='close it, or write "" for a quote inside a quoted cell',
    )


def _flaw(lines: Lines, start: int) -> str:
    """Return and forget what is wrong with the lines of the record that begins at `start`, if anything."""
    if not lines.flaws:
        return ""
    reasons = [reason if line == start else f"{reason} (line {line})" for line, reason in lines.flaws.items()]
    lines.flaws.clear()
    return "; ".join(reasons)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
