"""A sheet of a workbook (Excel, LibreOffice) as rows of str: each cell as the spreadsheet shows it.

The header is found below titles and blank rows. A merged cell counts for all places that it covers. Formulas are what
was last computed of them; a cell that holds an error is missing. Needs python-calamine, the extra `sheets`, which runs
in a process of its own. `numbers` are the spreadsheet's. Read next: workbook_process.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from noria.columns.cells import NumberCell
from noria.contract.source import Source, reading
from noria.errors import UserError, did_you_mean, needs_extra
from noria.sources.core.column_names import unique_names
from noria.sources.core.layout import some
from noria.sources.core.limits import CHUNK_BYTES
from noria.sources.formats import workbook_process
from noria.sources.formats.workbook_package import lost_cells
from noria.types import Rows

_HEAD_BYTES = 1000
_LOOK_AT = 20  # first rows with something in them, among which the header is
_HEADER_FILLS = 0.6  # of the columns have a name: more than a title or the names of groups of columns fill
_Row = tuple[int, list[str]]  # its number, and its cells


class Workbook(Source):
    """One sheet of an .xlsx, .xls, .xlsb or .ods file; every cell is a str, an empty one "", a number a NumberCell.

    `sheet` is the first visible one by default; `columns` names those of a sheet whose first row is a record.
    """

    def __init__(self, path: Path, *, sheet: str | None = None, columns: Sequence[str] = (), split: str = ""):
        if find_spec("python_calamine") is None:
            raise needs_extra("python-calamine", "sheets", f"reading {path.suffix} files")
        self.path, self.root, self._split = path, path.parent, split
        with reading(path):
            self._lost = lost_cells(path)
            with self._opened(sheet) as (head, rows):
                self.sheet, self.sheets = str(head["sheet"]), list(head["sheets"])
                if not head["is_there"]:
                    fix = did_you_mean(self.sheet, self.sheets)
                    raise UserError(f"has no sheet {self.sheet!r}", where=str(path), fix=fix)
                first = list(islice((row for row in rows if any(row[1])), _LOOK_AT))
        if not first:
            raise UserError("the sheet is empty", where=self._place(), fix=self._other_sheet())
        self._header, names = self._find_header(first, columns)
        self._kept = [i for i, name in enumerate(names) if name or head["filled"][i]]
        self._above = [number for number, _ in first if number < self._header]
        self._renamed: list[str] = []
        self.columns = unique_names([names[i] for i in self._kept], self._renamed)
        if first[-1][0] <= self._header:
            raise UserError("there is a header but no row", where=self._place(), found=some(self.columns))

    def files(self) -> list[Path]:
        """Return the one file."""
        return [self.path]

    def notes(self) -> list[str]:
        """Return which sheet is read, what stands above the header, and what cells do not hold what they show."""
        found = []
        if others := [name for name in self.sheets if name != self.sheet]:
            found.append(f"its sheet {self.sheet!r} is read; data.sheet={others[0]!r} reads another of {some(others)}")
        if self._above:
            above = some(map(str, self._above))
            found.append(f"row {self._header} names the columns; not read, as they stand above it: rows {above}")
        return [f"{self.path.name}: {note}" for note in [*found, *self._renamed, *self._lost]]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the rows below the header that hold something; `numbers` are those at the side of the sheet."""
        with reading(self.path), self._opened(self.sheet) as (head, rows):
            records = (row for row in _unmerged(rows, head["merged"], self._header) if any(row[1]))
            numbers: list[int] = []
            cells: list[list[str]] = []
            held = 0
            for number, row in records:
                numbers.append(number)
                cells.append(row)
                held += sum(map(len, row))
                if len(numbers) >= chunk_size or held > CHUNK_BYTES:
                    yield self._rows(numbers, cells)
                    numbers, cells, held = [], [], 0
            if numbers:
                yield self._rows(numbers, cells)

    def _rows(self, numbers: list[int], cells: list[list[str]]) -> Rows:
        columns: dict[str, Any] = {
            name: [row[i] for row in cells] for name, i in zip(self.columns, self._kept, strict=True)
        }
        return Rows(columns, self.path.name, numbers, self._split)

    def _find_header(self, first: Sequence[_Row], columns: Sequence[str]) -> tuple[int, list[str]]:
        """Return the number and the names of the row that names the columns; number 0 where `columns` does.

        It is the first one that is about as full as the fullest: titles above it are short.
        """
        most = max(sum(map(bool, cells)) for _, cells in first)
        number, cells = next((number, cells) for number, cells in first if _fills(cells, most))
        names = [cell.strip() for cell in cells]
        if columns and not set(columns) <= set(names):
            if len(names) != len(columns):
                found = f"{len(names)} columns: {' | '.join(name[:30] for name in names[:5])}"
                expected = ", ".join(columns)
                what = f"does not have the {len(columns)} columns that data.columns names"
                raise UserError(what, where=self._place(), expected=expected, found=found)
            return 0, list(columns)
        if any(names) and all(map(_is_number, filter(None, names))):
            raise UserError(
                "the first row must name the columns",
                where=self._place(number),
                found=some(names),
                fix="write a first row with a name for each column, or give the names: data.columns=[text, label]",
            )
        return number, names

    def _place(self, row: int | None = None) -> str:
        return f"{self.path}[{self.sheet}]" + ("" if row is None else f":{row}")

    def _other_sheet(self) -> str:
        others = [name for name in self.sheets if name != self.sheet]
        return f"data.sheet={others[0]!r} reads another of {some(others)}" if others else ""

    @contextmanager
    def _opened(self, sheet: str | None) -> Iterator[tuple[dict[str, Any], Iterator[_Row]]]:
        """Run the reader; give what it says first, and the rows with their numbers."""
        command = [sys.executable, "-P", workbook_process.__file__, str(self.path), *([sheet] if sheet else [])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="ascii") as reader:
            assert reader.stdout is not None
            try:
                line = reader.stdout.readline()
                head = json.loads(line) if line.endswith("\n") else {"error": ""}
                if "error" in head:
                    raise self._unreadable(head["error"])
                yield head, enumerate(map(_cells, reader.stdout), start=1)
            finally:
                reader.kill()

    def _unreadable(self, reason: str) -> UserError:
        if not reason:  # the process was ended by the system, or ended itself
            memory = f"{workbook_process.MEMORY_BYTES / 2**30:.0f} GB"
            return UserError(
                "cannot be read",
                where=str(self.path),
                found=f"a sheet that takes more than {memory} of memory, maybe as a cell stands far from the others",
                fix="save the sheet as CSV",
            )
        with self.path.open("rb") as file:
            is_text = b"\0" not in file.read(_HEAD_BYTES)
        fix = "it looks like text under another name: rename it to .csv" if is_text else ""
        return UserError("is not a whole workbook", where=str(self.path), found=reason, fix=fix)


def _cells(line: str) -> list[str]:
    cells: list[str] = json.loads(line, parse_float=NumberCell, parse_int=NumberCell)
    return cells


def _fills(cells: Sequence[str], most: int) -> bool:
    """Say whether a row could name the columns; that of row numbers, the first, often has no name."""
    filled = sum(map(bool, cells))
    is_corner_empty = not cells[0] and filled >= max(1, most - 1)
    return is_corner_empty or filled >= (most if most <= 2 else _HEADER_FILLS * most)


def _unmerged(rows: Iterator[_Row], merged: Sequence[Any], header: int) -> Iterator[_Row]:
    """Yield the rows below the header; in each place of a merged cell stands what its first one holds."""
    waiting = sorted((area for area in merged if area[0][0] >= header), reverse=True)  # rows count from 0 there
    covering: list[tuple[int, range, str]] = []  # last row, columns, and what they show
    for number, row in rows:
        if number <= header:
            continue
        while waiting and waiting[-1][0][0] == number - 1:
            (_, left), (bottom, right) = waiting.pop()
            covering.append((bottom + 1, range(left, min(right + 1, len(row))), row[left]))
        for _, columns, shown in covering:
            for column in columns:
                row[column] = row[column] or shown
        covering = [one for one in covering if one[0] > number]
        yield number, row


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
