"""Boxes of a sequence as the MOT challenge writes them: frame, identity, left, top, width, height, confidence, ...

A line a box, commas or spaces between; frames count from 1, an identity of -1 is none. Places stay as they are given:
detections, truth and answers of a sequence are of one system. Read next: modalities/detections/modality.py,
targets/tracks/target.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

COLUMNS = ("frame", "identity", "left", "top", "width", "height", "confidence")
PEDESTRIAN = 1  # the class that is scored where a file of nine columns tells classes
_WITH_CLASS = 9


def read_mot(data: bytes) -> np.ndarray:
    """Return float64[n, columns], at least seven: frame, identity, left, top, right, bottom, confidence.

    Raises ValueError with line and reason. A confidence that is not given is 1.
    """
    rows: list[list[float]] = []
    for number, line in enumerate(data.decode("utf-8-sig", "replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = [float(word) for word in line.replace(",", " ").split()]
        except ValueError:
            raise ValueError(f"line {number} is not numbers only: {line[:60]!r}") from None
        if len(row) < 6 or (rows and len(row) != len(rows[0])):
            expected = len(rows[0]) if rows else "at least 6"
            raise ValueError(f"line {number} has {len(row)} numbers, expected {expected}: {', '.join(COLUMNS)}")
        rows.append(row)
    if not rows:
        raise ValueError("there is no box in it")
    table = np.array(rows)
    if table.shape[1] == 6:
        table = np.concatenate([table, np.ones((len(table), 1))], 1)
    table[:, 4:6] += table[:, 2:4]
    _check(table)
    return table


def truth_rows(table: np.ndarray) -> np.ndarray:
    """Return the rows that are scored: not those marked 0, and of files that tell classes only pedestrians."""
    is_scored = table[:, 6] != 0
    if table.shape[1] == _WITH_CLASS:
        is_scored &= table[:, 7] == PEDESTRIAN
    return np.asarray(table[is_scored])


def rows_of(value: Any) -> np.ndarray:
    """Return float64[n, 7], as `read_mot` does, of a file's bytes, or of [{"frame", "box", "id"?, "confidence"?}, ...].

    Raises ValueError with a reason.
    """
    if isinstance(value, bytes | bytearray):
        if not value:
            raise ValueError("the file is empty")
        return read_mot(bytes(value))
    if not isinstance(value, list):
        raise ValueError(f"expected a file of boxes, or a list of them, found {type(value).__name__}")
    rows = [_row(one) for one in value]
    if not rows:
        raise ValueError("there is no box in it")
    table = np.array(rows, np.float64)
    _check(table)
    return table


def write_mot(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return boxes with identities as a file: the confidence is 1 where there is none, what is not known -1."""
    lines = []
    for one in rows:
        left, top, right, bottom = one["box"]
        numbers = (round(left, 3), round(top, 3), round(right - left, 3), round(bottom - top, 3))
        written = ",".join(f"{number}".removesuffix(".0") for number in (*numbers, round(one.get("confidence", 1), 4)))
        lines.append(f"{one['frame']},{one['id']},{written},-1,-1,-1\n")
    return "".join(lines).encode()


def _row(one: Any) -> list[float]:
    frame: Any
    box: Any
    frame, box = map(one.get, ("frame", "box")) if isinstance(one, Mapping) else (None, None)
    is_box = isinstance(box, list | tuple) and len(box) == 4 and all(_is_number(side) for side in box)
    if not _is_number(frame) or not is_box:
        raise ValueError(f"a box needs a frame and a box of left, top, right, bottom, found {one!r}"[:200])
    more = (one.get("id", -1), one.get("confidence", 1))
    if not all(map(_is_number, more)):
        raise ValueError(f"id and confidence are numbers, found {one!r}"[:200])
    return [float(frame), float(more[0]), *map(float, box), float(more[1])]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check(table: np.ndarray) -> None:
    """Raise where a box is none."""
    left, top, right, bottom = table[:, 2:6].T
    flaws = (
        (~np.isfinite(table[:, :7]).all(1), "holds a number that is not finite"),
        ((table[:, 0] < 0) | (table[:, 0] > 2**31 - 1) | (table[:, 0] % 1 != 0), "is in no frame"),
        ((right <= left) | (bottom <= top), "has no area"),
    )
    for is_flawed, reason in flaws:
        if is_flawed.any():
            index = int(np.argmax(is_flawed))
            raise ValueError(f"box {index + 1} {reason}: {[round(float(side), 3) for side in table[index, :7]]}")
