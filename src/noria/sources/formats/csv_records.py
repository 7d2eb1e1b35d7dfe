"""Split the lines of a table into records, strictly, and go on after one that is broken.

A cell that goes on after its closing quote, and a quote that is never closed, make one record bad, not those below it:
a quote that would have taken in whole rows is taken for a stray one. Knows no header. Read next: csv_table.py.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

from noria.sources.core.text_file import MAX_LINE_CHARACTERS, Lines

_RUNS = re.compile(r'"[^"]*"|[ \t]+')  # a cell in quotes, or what stands between two cells in a table of spaces
_SURPLUS_SPACE = re.compile(r"^[ \t]+|[ \t]+(?=[\r\n]*$)")


@dataclass(frozen=True)
class Dialect:
    """How cells are told apart: `quoting` is csv.QUOTE_MINIMAL, or csv.QUOTE_NONE where a quote is just a character.

    In a quoted cell a quote is doubled or, where `escape` is a backslash, stands behind one. `skips_spaces`: those in
    front of a cell are no part of it; where spaces separate cells, one is as good as many.
    """

    delimiter: str
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
    quote: str = '"'
    escape: str = ""
    skips_spaces: bool = False

    @property
    def is_of_spaces(self) -> bool:
        """Say whether any number of spaces separates two cells."""
        return self.delimiter == " " and self.skips_spaces

    def reader(self, lines: Iterator[str]) -> Any:
        """Return the strict parser of lines that `prepared` gave."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quoting=self.quoting,
            quotechar=self.quote,
            escapechar=self.escape or None,
            skipinitialspace=self.skips_spaces and not self.is_of_spaces,
            strict=True,
        )

    def prepared(self, line: str) -> str:
        """Return a line as the parser takes it: it would drop any backslash, and know no runs of spaces."""
        if self.escape and self.escape in line:
            line = _escapes(self.quote + self.delimiter).sub(lambda found: found[0] if found[1] else r"\\", line)
        if self.is_of_spaces:
            line = _RUNS.sub(lambda found: found[0] if found[0][0] == '"' else " ", _SURPLUS_SPACE.sub("", line))
        return line

    def is_well_quoted(self, text: str) -> bool:
        """Say whether each quote of whole records opens, closes or stands doubled or escaped within a quoted cell."""
        if self.quoting == csv.QUOTE_NONE or self.quote not in text:
            return True
        return self.quote not in _quoted_cell(self.delimiter, self.quote, self.escape).sub("", text)


@cache
def _escapes(escapable: str) -> re.Pattern[str]:
    """Match a backslash alone, or with a character that it escapes as the group."""
    return re.compile(rf"\\([\\{re.escape(escapable)}])|\\")


@cache
def _quoted_cell(delimiter: str, quote: str, escape: str) -> re.Pattern[str]:
    q, d = re.escape(quote), re.escape(delimiter)
    within = rf"(?:[^{q}\\]|{q}{q}|\\.)*+" if escape else rf"[^{q}]*+(?:{q}{q}[^{q}]*+)*+"
    # It begins with the quote, which is searched for: much faster than a look at each character.
    return re.compile(rf"{q}(?<![^{d}\r\n]{q}){within}{q}(?=[{d}\r\n]|\Z)", re.DOTALL)


class Found(NamedTuple):
    """A record: the lines that it begins and ends in, its cells, and what is wrong with it, if anything is."""

    start: int
    end: int
    cells: list[str]
    flaw: str = ""


class Records:
    """The records of a text that are not blank lines, one after the other.

    width: how many cells each must have, as `named_by` says; 0 where that is not known yet.
    """

    def __init__(self, lines: Lines, dialect: Dialect, width: int = 0, named_by: str = "the header"):
        # One limit for the whole process (there is none per reader). It is raised once, to the longest line allowed.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_CHARACTERS))
        self._lines, self._dialect, self._width, self._named_by = lines, dialect, width, named_by
        self._iterator = iter(lines)
        self._fed = _Feed(self._iterator, dialect)
        self._parser = dialect.reader(self._fed)

    @property
    def num_characters(self) -> int:
        """Return how many characters the records given so far have taken up, with the lines between them."""
        return self._lines.num_characters - self._fed.num_waiting_characters

    @property
    def is_at_line(self) -> bool:
        """Say whether the next record begins with the next line of the text: none waits to be read once more."""
        return not self._fed.waiting

    def __iter__(self) -> Iterator[Found]:
        while (found := self.next()) is not None:
            yield found

    def next(self) -> Found | None:
        """Return the next record; None at the end."""
        while True:
            self._fed.taken.clear()
            start = self._lines.number - len(self._fed.waiting) + 1
            try:
                cells = next(self._parser)
                flaw = self._width_flaw(cells)
            except StopIteration:
                return None
            except csv.Error as error:
                cells, flaw = [], self._broken(error)
            if flaw or (cells and self._lines.flaws):
                return self._judged(start, cells, flaw)
            if cells:
                return Found(start, self._lines.number - len(self._fed.waiting), cells)

    def _width_flaw(self, cells: Sequence[str]) -> str:
        if not cells or self._width in (0, len(cells)):
            return ""
        if self._is_stray():
            return self._only_first()
        return f"{len(cells)} cells where {self._named_by} has {self._width}"

    def _broken(self, error: csv.Error) -> str:
        """Say what is wrong with the record just taken, and give back the lines that are no part of it."""
        if "expected after" not in str(error):  # the text ended, or the longest cell allowed was reached
            self._fed.put_back(1)
            return f"a quote is opened in the record that begins here and never closed; {_double(self._dialect)}"
        if len(self._fed.taken) > 1 and (self._is_stray() or self._are_two_stray()):
            return self._only_first()
        return f"a cell goes on after its closing quote; {_double(self._dialect)}"

    def _only_first(self) -> str:
        self._fed.put_back(1)
        return f"a quote is opened here that is closed in no cell of this record; {_double(self._dialect)}"

    def _are_two_stray(self) -> bool:
        """Say whether the last line has a stray quote as the first one does, and all between are rows of their own."""
        first, *between, last = self._fed.taken
        marks = [line.count(self._dialect.delimiter) for line in (first, last)]
        return marks == [self._width - 1] * 2 and (not between or self._is_stray(between))

    def _is_stray(self, below: Sequence[str] | None = None) -> bool:
        """Say whether the lines below the first one are whole rows, or most of them are, when read without it."""
        rest = [self._dialect.prepared(line) for line in (self._fed.taken[1:] if below is None else below)]
        if not rest or not self._width or not self._dialect.is_well_quoted("".join(rest)):
            return False
        rows = [cells for cells in self._dialect.reader(iter(rest)) if cells]
        return sum(len(cells) == self._width for cells in rows) > len(rows) / 2

    def _judged(self, start: int, cells: list[str], flaw: str) -> Found:
        end = self._lines.number - len(self._fed.waiting)
        if flaw and end > start:
            flaw += f" (lines {start} to {end})"
        return Found(start, end, cells, self._flaw_of_lines(start, end) or flaw)

    def _flaw_of_lines(self, start: int, end: int) -> str:
        """Return and forget what is wrong with the lines of a record, if anything is."""
        flaws = self._lines.flaws
        here = [line for line in flaws if line <= end] if flaws else []
        reasons = [(line, flaws.pop(line)) for line in here]
        return "; ".join(reason if line == start else f"{reason} (line {line})" for line, reason in reasons)


class _Feed:
    """Lines for the parser: those that wait to be read once more, then those of the text."""

    def __init__(self, lines: Iterator[str], dialect: Dialect):
        self.taken: list[str] = []  # of the record that is being read, as they stand in the text
        self.waiting: deque[str] = deque()
        self.num_waiting_characters = 0
        self._lines = lines
        self._prepared = dialect.prepared if dialect.escape or dialect.is_of_spaces else None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.waiting:
            line = self.waiting.popleft()
            self.num_waiting_characters -= len(line)
        else:
            line = next(self._lines)
        self.taken.append(line)
        return line if self._prepared is None else self._prepared(line)

    def put_back(self, num_kept: int) -> None:
        """Let all lines of this record but the first ones be read once more."""
        back = self.taken[num_kept:]
        del self.taken[num_kept:]
        self.waiting.extendleft(reversed(back))
        self.num_waiting_characters += sum(map(len, back))


def _double(dialect: Dialect) -> str:
    return f"write {dialect.quote * 2} for a quote inside a quoted cell"
