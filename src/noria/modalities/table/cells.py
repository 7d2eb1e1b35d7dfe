"""The cells of a column as the network gets them: numbers, the parts of dates, codes of categories.

Knows neither spread nor bins. Read next: noria/columns/, modalities/table/modality.py.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from noria.columns import CategoryForm, DateForm, NumberForm
from noria.columns.cells import NOTHING_BESIDE_VALUES, is_absent

_T = TypeVar("_T")
DATE_PARTS = ("day", "month", "weekday", "hour")
LARGEST = 1e30  # far inside what float32 holds
RARE, ABSENT = 0, 1  # the first two places of every category


def numbers_of(name: str, cells: Sequence[Any], form: NumberForm, bad: dict[int, str]) -> np.ndarray:
    """Return float64[n], NaN where missing; name in `bad` the cells that are no numbers."""
    plain = form.read_many(cells)
    if plain is not None and not (np.abs(plain) > LARGEST).any():
        return plain
    numbers = np.full(len(cells), np.nan)
    found = _each(cells, lambda cell: None if form.is_absent(cell) else (form.read(cell),))
    written = "" if str(form) == "plain" else f" {form}"
    for i, one in enumerate(found):
        if one is None:
            continue
        (number,) = one
        if number is None:
            bad[i] = f"column {name!r} should hold a number{written}: {cells[i]!r}"
        elif abs(number) > LARGEST:
            bad[i] = f"column {name!r} is infinite or too large: {cells[i]!r}"
        else:
            numbers[i] = number
    return numbers


def dates_of(name: str, cells: Sequence[Any], form: DateForm, bad: dict[int, str]) -> np.ndarray:
    """Return float64[n, parts], NaN where missing; name in `bad` the cells that are no dates of this form."""
    absent = (np.nan,) * len(DATE_PARTS)

    def parts_of(cell: Any) -> tuple[float, ...] | None:
        if form.is_absent(cell):
            return absent
        date = form.read(cell)
        return None if date is None else date_parts(date)

    parts = _each(cells, parts_of)
    said = f"column {name!r} should hold a date"
    bad |= {i: f"{said}: {cells[i]!r} is none of the form {form}" for i, one in enumerate(parts) if one is None}
    return np.array([one or absent for one in parts]).reshape(-1, len(DATE_PARTS))


def codes_of(cells: Sequence[Any], form: CategoryForm, known: Sequence[str]) -> np.ndarray:
    """Return int64[n]: the place of each cell's category, RARE for an unknown one, ABSENT for none."""
    places = {text: place for place, text in enumerate(known, start=2)}

    def place_of(cell: Any) -> int:
        text = form.read(cell)
        if text in places:
            return places[text]
        return ABSENT if text is None or is_absent(text, NOTHING_BESIDE_VALUES) else RARE

    return np.array(_each(cells, place_of), np.int64)


def date_parts(date: datetime.datetime) -> tuple[float, float, float, float]:
    """Return the day as an ordinal with its fraction, by universal time where an offset is given; month, weekday and
    hour by its own clock."""
    hour = date.hour + date.minute / 60 + (date.second + date.microsecond / 1e6) / 3600
    offset = date.utcoffset()
    shift = offset.total_seconds() / 86400 if offset else 0.0
    return date.toordinal() + hour / 24 - shift, date.month, date.weekday(), hour


def part_name(name: str, part: str, columns: Collection[str] | Mapping[str, Any]) -> str:
    """Return what a part of a date column is called: a name that no column of the table has."""
    own = f"{name}.{part}"
    while own in columns:
        own += "'"
    return own


def _each(cells: Sequence[Any], read: Callable[[Any], _T]) -> list[_T]:
    """Return what each cell is read as; of equal texts only one is read."""
    if set(map(type, cells)) != {str}:  # 1 and True are equal, but read differently
        return [read(cell) for cell in cells]
    known = {cell: read(cell) for cell in set(cells)}
    return [known[cell] for cell in cells]
