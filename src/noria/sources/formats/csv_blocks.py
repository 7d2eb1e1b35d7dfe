"""Read many records of a clean table at once with pyarrow; what is not plainly clean is left to the careful reader.

A block of whole lines is clean where both readers are sure to give the same cells: each quote opens, closes or is
doubled within a quoted cell, all records are as wide as the header, and nothing is in it that only the careful reader
understands. Read next: csv_table.py, csv_records.py.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noria.sources.core.text_file import Lines
from noria.sources.formats.csv_records import Dialect

BLOCK_CHARACTERS = 2**19  # of a block: half of them are read slower, twice as many take more with one bad row
_MOST_LINES = 256  # that a block is longer for the sake of a quoted cell with line breaks


@dataclass(frozen=True)
class Block:
    """Records: a column of texts each as an Arrow array, the lines they begin in, and the characters that they end at.

    lines and ends int64[n], counted from the beginning of the block; in all it has so many lines and characters.
    """

    columns: list[Any]
    lines: np.ndarray
    ends: np.ndarray
    num_lines: int
    num_characters: int


@dataclass(frozen=True)
class Blocks:
    """Takes blocks of a table from its lines, where pyarrow is there. `header`: its cells, which no record repeats."""

    dialect: Dialect
    width: int
    header: list[str]
    is_on: bool = True
    _arrow: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        is_known = self.is_on and len(self.dialect.delimiter.encode()) == 1 and not self.dialect.is_of_spaces
        object.__setattr__(self, "_arrow", _arrow() if is_known and "\n" not in self.dialect.delimiter else None)

    @property
    def can_take(self) -> bool:
        """Say whether there is a reader of blocks for this table."""
        return self._arrow is not None

    def take(self, lines: Lines) -> Block | None:
        """Return the records of the next block of lines; None, and none is taken, where it is not clean."""
        text = lines.block(BLOCK_CHARACTERS)
        if not text:
            return None
        quote = self.dialect.quote if self.dialect.quoting != csv.QUOTE_NONE else ""
        for _ in range(_MOST_LINES if quote and text.count(quote) % 2 else 0):
            line = lines.block(0)
            text += line
            if not line or line.count(quote) % 2:
                break
        block = self._read(text, quote)
        if block is None:
            lines.put_back(text)
        else:
            lines.skip(block.num_lines, block.num_characters)
        return block

    def _read(self, text: str, quote: str) -> Block | None:
        has_quotes = bool(quote) and quote in text
        if not _is_plain(text, self.dialect, has_quotes) or not self.dialect.is_well_quoted(text):
            return None
        try:
            data = text.encode()
        except UnicodeEncodeError:  # the mark of a byte that did not decode
            return None
        columns = self._columns(data, quote, has_quotes)
        if columns is None:
            return None
        raw = np.frombuffer(data, np.uint8)
        starts, ends, num_lines = _places(raw, quote if has_quotes else "")
        if len(starts) != len(columns[0]):
            return None
        if len(data) != len(text):  # ends are counted in characters
            ends = ends - np.searchsorted(np.flatnonzero((raw & 0xC0) == 0x80), ends)
        return Block(columns, starts, ends, num_lines, len(text))

    def _columns(self, data: bytes, quote: str, has_quotes: bool) -> list[Any] | None:
        """Return the columns, or None where a record has another width or repeats the header."""
        arrow, names = self._arrow, [str(place) for place in range(self.width)]
        try:
            table = arrow.csv.read_csv(
                arrow.BufferReader(data),
                arrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
                arrow.csv.ParseOptions(
                    delimiter=self.dialect.delimiter, quote_char=quote or False, newlines_in_values=has_quotes
                ),
                arrow.csv.ConvertOptions(
                    check_utf8=False,  # what was decoded is valid
                    column_types=dict.fromkeys(names, arrow.string()),
                    strings_can_be_null=False,
                ),
            )
        except arrow.ArrowInvalid:
            return None
        columns = [column.combine_chunks() for column in table.columns]
        if self.dialect.skips_spaces:
            columns = [arrow.compute.utf8_ltrim(column, " ") for column in columns]
        return None if self._repeats_header(columns) else columns

    def _repeats_header(self, columns: list[Any]) -> bool:
        compute = self._arrow.compute
        is_same = None
        for column, name in zip(columns, self.header, strict=False):
            is_equal = compute.equal(column, name)
            is_same = is_equal if is_same is None else compute.and_(is_same, is_equal)
            if not compute.any(is_same).as_py():
                return False
        return is_same is not None


def _arrow() -> Any:
    try:
        import pyarrow.compute
        import pyarrow.csv
    except ImportError:
        return None
    return pyarrow


def _is_plain(text: str, dialect: Dialect, has_quotes: bool) -> bool:
    """Say whether a block has nothing that only the careful reader understands."""
    if "\0" in text or text.startswith("\ufeff") or ("\r" in text and text.count("\r") != text.count("\r\n")):
        return False
    return not (dialect.escape and dialect.escape in text) and not (has_quotes and dialect.skips_spaces)


def _places(raw: np.ndarray, quote: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the lines, from 0, that records begin in, the places behind their ends, and the number of lines."""
    breaks = np.flatnonzero(raw == ord("\n"))
    num_lines = len(breaks) + int(raw[-1] != ord("\n"))
    ends = breaks
    if quote:
        num_before = np.searchsorted(np.flatnonzero(raw == ord(quote)), breaks)
        ends = breaks[num_before % 2 == 0]
    if num_lines > len(breaks):
        ends = np.append(ends, len(raw))
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts
    is_blank = (sizes == 0) | ((sizes == 1) & (raw[np.minimum(starts, len(raw) - 1)] == ord("\r")))
    starts, ends = starts[~is_blank], np.minimum(ends + 1, len(raw))[~is_blank]
    return np.searchsorted(breaks, starts), ends, num_lines
