"""One cell of a table: whether it says anything, and the text that it shows.

Read next: numbers.py, dates.py, categories.py.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

# What says nothing in any column: nobody's name for a category.
NOTHING = {"", "nan", "<na>", "#n/a", "null", "?", "缺失"}
# What says nothing among numbers, dates and truths, but may be a category: Namibia, no garage, a blood group.
NOTHING_BESIDE_VALUES = NOTHING | {"na", "n/a", "nat", "none", "nil", "-", "--", "missing", "无"}


class NumberCell(str):
    """The text of a cell that its file keeps as a number: in whatever form its column is written, it means that."""


def is_absent(cell: Any, words: set[str] = NOTHING) -> bool:
    """Whether a cell says nothing: empty, NaN, None, or one of the words for it."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return True
    return isinstance(cell, str) and cell.strip().lower() in words


def text_of(cell: Any) -> str:
    """Return what a cell shows: texts that look the same are the same (Unicode NFC), and 3.0 is 3."""
    if isinstance(cell, str):
        return (cell if cell.isascii() else unicodedata.normalize("NFC", cell)).strip()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def plain(cells: Sequence[Any] | np.ndarray) -> Sequence[Any]:
    """Return the cells of a column as Python has them, each of which can be counted: a list is its JSON."""
    if isinstance(cells, np.ndarray):
        is_fine = cells.dtype.kind == "M" and np.datetime_data(cells.dtype)[0] in ("ns", "ps", "fs", "as")
        listed: list[Any] = (cells.astype("datetime64[us]") if is_fine else cells).tolist()
        return plain(listed)
    return cells if all(type(cell) is str for cell in cells) else [_plain(cell) for cell in cells]


def _plain(cell: Any) -> Any:
    if isinstance(cell, bytes | bytearray):  # texts, as some tables keep them
        return bytes(cell).decode("utf-8", "backslashreplace")
    return cell if isinstance(cell, Hashable) else json.dumps(cell, ensure_ascii=False, default=str)
