"""Find the lines that name the columns of a table: below a title, several of them, or none at all.

A first line that names nothing, as a record would not, is told by the records below it: words above numbers are names,
and so is all that speaks for neither. Whatever is taken otherwise than as one line of names comes with a note.
Read next: csv_table.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from noria.sources.core.column_names import unique_names
from noria.sources.formats.csv_records import Found

LOOK_AT = 200  # records from the beginning, by which names are told from records
_LEAST_NUMBERS = 0.9  # of the cells of a column that are not empty, for it to be one of numbers
_LEAST_FIT_BELOW = 0.5  # of the first records that are as wide as a table, for a title to stand above it
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_DIGITS = re.compile(r"\d+")
_HAS_LETTERS = re.compile(r"[^\W\d_]")
_UNKNOWN = ("", "na", "n/a", "nan", "null", "none", "nil", "inf", "-inf", "?", "-", ".")
_SHOWN = 5


@dataclass(frozen=True)
class Header:
    """The names of the columns, all different; records begin below line `end`. `notes` say what is not as usual.

    `cells` are those of the line that names the columns; there are none where no line does.
    """

    names: list[str]
    end: int
    cells: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_header(records: Sequence[Found]) -> Header:
    """Return the header that the first records hold; there is at least one."""
    first = _below_title(records)
    head, below = records[first], [one.cells for one in records[first + 1 :] if not one.flaw]
    notes = [f"the lines above line {head.start} are no table and are not read"] if first else []
    if _is_record(head.cells, below):
        names = [""] * len(head.cells)
        shown = " | ".join(cell[:30] for cell in head.cells[:_SHOWN])
        notes.append(
            f"the first line is a record ({shown}), so the columns are named by their place, column_1 and so on; "
            "data.columns names them otherwise"
        )
        return Header(unique_names(names, []), head.start - 1, notes=notes)
    names, end = [cell.strip() for cell in head.cells], head.end
    if below and all(cells[:1] == [str(row)] for row, cells in enumerate(below, start=1)) and _are_wider(names, below):
        names = ["", *names]  # the row numbers that R writes
    for one in records[first + 1 : -1]:
        under = [later.cells for later in records if later.start > one.start and not later.flaw]
        if one.flaw or not _goes_on(head.cells, one.cells, under):
            break
        names, end = _merged(names, one.cells), one.end
        notes.append(f"line {one.start} belongs to the header and is no record")
    return Header(unique_names(names, notes), end, head.cells, notes)


def _below_title(records: Sequence[Found]) -> int:
    """Return which record comes first below titles and remarks: 0 where there are none."""
    width = Counter(len(one.cells) for one in records[1:] if not one.flaw).most_common(1)
    if not width or width[0][0] < 2 or width[0][1] < _LEAST_FIT_BELOW * len(records[1:]):
        return 0
    wide = width[0][0]
    place = next((i for i, one in enumerate(records[:-1]) if len(one.cells) == wide and not _is_title(one, wide)), 0)
    above, head = records[:place], records[place]
    below = [one.cells for one in records[place + 1 :] if not one.flaw]
    if not above or _is_record(head.cells, below):
        return 0
    is_apart = head.start > above[-1].end + 1 or not any(above[-1].cells)
    are_remarks = all(one.cells[:1] and one.cells[0].startswith(("#", "%", "//")) for one in above)
    are_titles = all(_is_title(one, wide) for one in above) and bool(_names_of_numbers(head.cells, below))
    return place if is_apart or are_remarks or are_titles else 0


def _is_title(record: Found, width: int) -> bool:
    """Say whether a record holds one cell at most, at its beginning, where a table has more of them."""
    return not any(record.cells[1:]) and (len(record.cells) < width or width > 2)


def _is_record(head: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Say whether what should be names is a record as those below it are."""
    if _names_of_numbers(head, below):
        return False
    columns = [[cells[i].strip() for cells in below if i < len(cells)] for i in range(len(head))]
    cells = list(zip(map(str.strip, head), columns, strict=True))
    numbers = [(cell, column) for cell, column in cells if _is_of_digits(cell)]
    if any(_is_written_alike(cell, column) for cell, column in numbers) and not _are_places(numbers):
        return True
    if any(_is_code_as(cell, column) for cell, column in cells):
        return True
    if list(head) in map(list, below):  # files with headers, one behind the other
        return False
    classes = [(cell, column) for cell, column in cells if cell and _is_of_classes(column)]
    return sum(column.count(cell) > 1 for cell, column in classes) > 0.5 * len(classes)


def _is_of_digits(cell: str) -> bool:
    return any(map(str.isdigit, cell)) and not _HAS_LETTERS.search(cell)


def _is_written_alike(cell: str, column: Sequence[str]) -> bool:
    """Say whether a cell of digits is written as those below it: a number, an amount, a date."""
    shapes = [_NUMBER.sub("9", one) for one in column if one]
    return shapes.count(_NUMBER.sub("9", cell)) >= 0.5 * len(shapes)


def _is_code_as(cell: str, column: Sequence[str]) -> bool:
    """Say whether a word with digits is written as all those below it, each another one: an identifier."""
    if not any(map(str.isdigit, cell)) or len(column) < 3 or len(set(column)) < len(column):
        return False
    return {_DIGITS.sub("9", one) for one in column} == {_DIGITS.sub("9", cell)}


def _are_places(numbers: Sequence[tuple[str, Sequence[str]]]) -> bool:
    """Say whether whole numbers are names of columns: years above other values, or 0, 1, 2 and so on."""
    cells = [cell for cell, _ in numbers]
    if not all(cell.isdecimal() for cell in cells):
        return False
    if all(map(_is_year, cells)):
        return not all(_is_year(one) for _, column in numbers for one in column if one)
    return len(cells) > 2 and {int(b) - int(a) for a, b in pairwise(cells)} == {1}


def _is_year(cell: str) -> bool:
    return cell.isdecimal() and 1500 <= int(cell) <= 2100


def _is_of_classes(column: Sequence[str]) -> bool:
    """Say whether a column has few different texts."""
    return 1 < len(set(column) - {""}) <= 0.5 * len(column) and not all(map(_is_number, filter(None, column)))


def _names_of_numbers(head: Sequence[str], below: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns that have a word above numbers."""
    return [
        i
        for i, cell in enumerate(head)
        if _HAS_LETTERS.search(cell) and not _is_unknown(cell) and not _is_number(cell) and _is_of_numbers(below, i)
    ]


def _is_of_numbers(rows: Sequence[Sequence[str]], place: int) -> bool:
    filled = [cells[place] for cells in rows if place < len(cells) and not _is_unknown(cells[place])]
    return bool(filled) and sum(map(_is_number, filled)) >= _LEAST_NUMBERS * len(filled)


def _is_unknown(cell: str) -> bool:
    return cell.strip().lower() in _UNKNOWN


def _is_number(cell: str) -> bool:
    """Say whether a cell is a number, an amount, a date or a time: digits, and no word."""
    return any(map(str.isdigit, cell)) and not re.search(r"[^\W\d_]{2,}|[^\W\d_eE]", cell)


def _goes_on(head: Sequence[str], cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Say whether a line below the names goes on with them: it repeats them, or has words above several numbers."""
    if list(cells) == list(head):
        return True
    numbers = [i for i in range(len(cells)) if _is_of_numbers(below, i)]
    words = _names_of_numbers(cells, below)
    return len(cells) == len(head) and len(words) > 1 and not any(_is_number(cells[i]) for i in numbers)


def _merged(names: Sequence[str], cells: Sequence[str]) -> list[str]:
    """Return names in two lines as one: "width" above "cm" is "width cm"."""
    pairs = zip(names, map(str.strip, cells), strict=False)
    return [name if name == cell else f"{name} {cell}".strip() for name, cell in pairs]


def _are_wider(names: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Say whether each record has one cell more than there are names."""
    return all(len(cells) == len(names) + 1 for cells in below)
