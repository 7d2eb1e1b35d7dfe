"""CSV and TSV tables as rows of str: how cells are told apart is sniffed, broken rows are quarantined by line number.

    bytes -text_file-> lines -csv_blocks-> many records at once      where a stretch of them is clean
                             -csv_records-> record by record         elsewhere: the same records

The first line names the columns, unless `columns` does, or it is plainly a record itself. Streams: never holds more
than a chunk, nor a line longer than sources/core/text_file.py allows. Line numbers are an editor's, also after quoted
newlines. Does not convert cells to numbers. Read next: csv_dialect.py, csv_header.py, csv_records.py, csv_blocks.py.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from noria.contract.source import Source, reading
from noria.errors import UserError
from noria.sources.core.limits import CHUNK_BYTES
from noria.sources.core.text_column import TextColumn
from noria.sources.core.text_file import Opener, TextFile
from noria.sources.formats.csv_blocks import Block, Blocks
from noria.sources.formats.csv_dialect import said_delimiter, sniff_dialect, sniff_headerless
from noria.sources.formats.csv_header import LOOK_AT, Header, find_header
from noria.sources.formats.csv_records import Found, Records
from noria.types import Rejected, Rows

FAST_FROM = 2**19  # characters: importing pyarrow takes longer than reading a smaller table with care


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
        with reading(path):
            self._text = TextFile(path, name=name, declared=encoding, opener=opener)
            self._place = str(path) if not name else f"{path}/{name}"
            samples = self._text.samples()
            self._is_large = sum(map(len, samples)) >= FAST_FROM
            self._num_said = 1 if said_delimiter(samples[0]) else 0  # lines that only say what separates the cells
            self._dialect = sniff_dialect(samples[0], path.suffix, samples[1:])
            self._named_by = "data.columns" if columns and not self._names_itself(columns) else "the header"
            if self._named_by == "the header":
                self._header = self._find_header(self._first_records(LOOK_AT))
            else:
                self._dialect = sniff_headerless(samples, len(columns)) or self._refuse_width(columns)
                self._header = Header(list(columns), self._num_said)
            if columns and self._named_by == "the header":
                self._header.notes.append("the first line names the columns, so it is no record")
            self.columns = self._header.names

    def files(self) -> list[Path]:
        """Return the one file."""
        return [self.path]

    def notes(self) -> list[str]:
        """Return how the encoding was guessed, and what is unusual about the header."""
        guess = [self._text.note] if self._text.note else []
        return [f"{self._text.name}: {note}" for note in (*guess, *self._header.notes)]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the records; `numbers` are the lines they begin in."""
        with reading(self.path):
            gathered = _Gathered(self.columns, self._text.name, self._split, chunk_size)
            lines = self._text.lines()
            records = Records(lines, self._dialect, len(self.columns), self._named_by)
            blocks = Blocks(self._dialect, len(self.columns), self._header.cells, is_on=self._is_large)
            header, is_fast = self._header, blocks.can_take
            for found in records:
                if found.end <= header.end:
                    continue
                if found.cells == header.cells and not found.flaw:
                    found = found._replace(flaw="repeats the header")
                gathered.add(found)
                if gathered.is_complete(records.num_characters):
                    yield gathered.taken(records.num_characters)
                while is_fast and records.is_at_line and (block := blocks.take(lines)):
                    yield from gathered.add_block(block, lines.number, lines.num_characters)
            if gathered.size:
                yield gathered.taken()

    def _names_itself(self, columns: Sequence[str]) -> bool:
        """Say whether the first line is a header all the same: it holds every name."""
        return set(columns) <= {cell.strip() for cell in self._first_records(1)[0].cells}

    def _refuse_width(self, columns: Sequence[str]) -> NoReturn:
        line, _, cells, _ = self._first_records(1)[0]
        raise UserError(
            f"most records do not have the {len(columns)} cells that data.columns names",
            where=f"{self._place}:{line}",
            expected=", ".join(columns),
            found=f"{len(cells)} cells: {' | '.join(cell[:30] for cell in cells[:5])}" if cells else "blank lines",
        )

    def _first_records(self, count: int) -> list[Found]:
        records = Records(self._text.lines(), self._dialect)
        found = list(islice((one for one in records if one.start > self._num_said), count))
        if not found:
            raise UserError("the file is empty", where=self._place)
        return found

    def _find_header(self, records: list[Found]) -> Header:
        unquoted = self._unquoted(records) if records[0].flaw else None
        records = [unquoted, *records[1:]] if unquoted else records
        header = find_header(records)
        for one in records:
            if one.flaw and one.end <= header.end:
                raise UserError(f"the header cannot be read: {one.flaw}", where=f"{self._place}:{one.start}")
        if all(one.end <= header.end for one in records):
            raise UserError("there is a header but no row", where=self._place, found=", ".join(header.names[:5]))
        if unquoted:
            header.notes.append(f"a quote in line {unquoted.start} fits no cell, and the names are read without quotes")
        return header

    def _unquoted(self, records: Sequence[Found]) -> Found | None:
        """Return the first record with its quotes as plain characters, where it then is as wide as most others."""
        plain = Records(self._text.lines(), replace(self._dialect, quoting=csv.QUOTE_NONE, escape=""))
        first = next(one for one in plain if one.start == records[0].start)
        widths = Counter(len(one.cells) for one in records[1:] if not one.flaw).most_common(1)
        is_usual = bool(widths) and widths[0][0] == len(first.cells)
        names = [cell.strip(self._dialect.quote) for cell in first.cells]
        return first._replace(cells=names) if is_usual and not first.flaw else None


class _Gathered:
    """Records gathered until they are a chunk: so many, or those of so many characters."""

    def __init__(self, columns: list[str], origin: str, split: str, chunk_size: int):
        self._columns, self._origin, self._split, self._chunk_size = columns, origin, split, chunk_size
        self._cut_at = CHUNK_BYTES
        self._clear()

    def _clear(self) -> None:
        self._numbers: list[int] = []
        self._cells: list[list[str]] = []  # records that are not among the parts yet
        self._parts: list[list[Any]] = []  # the columns of some records, as Arrow arrays or lists
        self._bad: list[Rejected] = []

    @property
    def size(self) -> int:
        """Return how many records there are, those that are bad included."""
        return len(self._numbers) + len(self._bad)

    def is_complete(self, num_characters: int) -> bool:
        """Say whether the records are a chunk; the last one ends so many characters into the text."""
        return self.size >= self._chunk_size or num_characters > self._cut_at

    def add(self, found: Found) -> None:
        """Add a record."""
        if found.flaw:
            self._bad.append(Rejected(f"{self._origin}:{found.start}", found.flaw, len(self._numbers)))
        else:
            self._numbers.append(found.start)
            self._cells.append(found.cells)

    def add_block(self, block: Block, last_line: int, num_characters: int) -> Iterator[Rows]:
        """Add the records of a block that ends with this line, so many characters into the text; yield full chunks."""
        lines = block.lines + (last_line - block.num_lines + 1)
        ends = block.ends + (num_characters - block.num_characters)
        start = 0
        while start < len(lines):
            stop = min(len(lines), start + self._chunk_size - self.size)
            stop = min(stop, start + int(np.searchsorted(ends[start:stop], self._cut_at, side="right")) + 1)
            self._close_part()
            self._parts.append([column.slice(start, stop - start) for column in block.columns])
            self._numbers += lines[start:stop].tolist()
            if self.is_complete(int(ends[stop - 1])):
                yield self.taken(int(ends[stop - 1]))
            start = stop

    def taken(self, num_characters: int = 0) -> Rows:
        """Return the records as a chunk, and begin the next one."""
        rows = Rows(self._joined(), self._origin, self._numbers, self._split, self._bad)
        self._clear()
        self._cut_at = num_characters + CHUNK_BYTES
        return rows

    def _close_part(self) -> None:
        if self._cells:
            self._parts.append([list(column) for column in zip(*self._cells, strict=True)])
            self._cells = []

    def _joined(self) -> dict[str, list[Any] | TextColumn]:
        self._close_part()
        by_column = zip(*self._parts, strict=True) if self._parts else ([] for _ in self._columns)
        return {name: _joined(parts) for name, parts in zip(self._columns, by_column, strict=True)}


def _joined(parts: Sequence[Any]) -> list[Any] | TextColumn:
    """Return the parts of a column as one: as Arrow holds it where it holds all of them."""
    if not parts or any(isinstance(part, list) for part in parts):
        return [cell for part in parts for cell in (part if isinstance(part, list) else TextColumn(part))]
    if len(parts) == 1:
        return TextColumn(parts[0])
    import pyarrow

    return TextColumn(pyarrow.concat_arrays(parts))
