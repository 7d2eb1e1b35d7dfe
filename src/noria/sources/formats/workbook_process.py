"""Print one sheet of a workbook as lines of JSON: run as a process of its own by workbook.py, with path and sheet.

The reader of workbooks holds a whole sheet as a rectangle, and ends its process where memory is short: a file of 5 kB
with a cell in the last corner asks for 500 GB. Here only this process ends.

First line: {"sheets": [visible names], "sheet": name, "is_there": true, "merged": [[[row, column], [row, column]]],
"filled": [cells of each column that hold something]}; then a list of texts and numbers for each row, from row 1 on.
An error is one line, {"error": reason}. Imports nothing of Noria, so that it starts fast.
"""

from __future__ import annotations

import json
import math
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

MEMORY_BYTES = 4 * 2**30  # a full sheet of 1,048,576 rows takes about 1 GB for 20 columns
_DIGITS = 15  # that a spreadsheet shows of a number: it stores 0.1 + 0.2 as 0.30000000000000004


def main(path: str, sheet: str | None) -> None:
    """Print a sheet, the first visible one by default."""
    import python_calamine

    with suppress(ValueError, OSError):  # some systems have no such limit, or a lower one
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        visible = [
            one.name
            for one in book.sheets_metadata
            if one.typ == python_calamine.SheetTypeEnum.WorkSheet
            and one.visible == python_calamine.SheetVisibleEnum.Visible
        ]
        name = sheet or (visible or book.sheet_names)[0]
        found = None if name not in book.sheet_names else book.get_sheet_by_name(name)
        head: dict[str, Any] = {"sheets": visible, "sheet": name, "is_there": found is not None}
        if found is None:
            _write(head)
            return
        rows = list(found.iter_rows())
        first_column = found.start[1] if found.start else 0
        merged = [
            [[top, left - first_column], [bottom, right - first_column]]
            for (top, left), (bottom, right) in found.merged_cell_ranges or ()
        ]
    except (python_calamine.CalamineError, IndexError) as error:
        _write({"error": str(error) or "it holds no sheet"})
        return
    filled = [len(rows) - column.count("") for column in zip(*rows, strict=True)]
    _write({**head, "merged": merged, "filled": filled})
    for row in rows:
        _write_line(f"[{','.join(map(_cell, row))}]")


def _cell(cell: Any) -> str:
    """Return the JSON of what a cell shows: a number as it stands, all else as a text."""
    text = _TEXTS.get(type(cell), str)(cell)
    is_number = isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell)
    return text if is_number else json.dumps(text)


def _elapsed(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    return f"{'-' if seconds < 0 else ''}{abs(seconds) // 3600}:{abs(seconds) // 60 % 60:02}:{abs(seconds) % 60:02}"


# A cell as a spreadsheet shows it: 7 for 7.0, TRUE, 2024-03-05, 26:03:00; empty for nothing.
_TEXTS: dict[type, Callable[[Any], str]] = {
    float: f"{{:.{_DIGITS}g}}".format,
    bool: lambda cell: "TRUE" if cell else "FALSE",
    datetime: lambda cell: str(cell.isoformat(" ")),
    timedelta: _elapsed,
}


def _write(thing: Any) -> None:
    _write_line(json.dumps(thing))


def _write_line(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
