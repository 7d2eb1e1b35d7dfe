"""What stands in the data for several numbers: a column each, or one cell with all of them by name.

Knows no network. Read next: target.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noria.columns import NumberForm
from noria.errors import did_you_mean
from noria.types import Values

Columns = Mapping[str, Sequence[Any] | np.ndarray]
SHOWN = 80  # characters of what is no answer


def columns_of(values: Values) -> tuple[Columns, dict[int, str]]:
    """Return answers as columns by name, None where one says nothing, and what is wrong with some records.

    Values are columns already, or cells of one column, each a mapping of names to numbers or such a one as JSON.
    """
    if isinstance(values, Mapping):
        return values, {}
    rows: list[Mapping[str, Any]] = []
    bad: dict[int, str] = {}
    for index, value in enumerate(values):
        try:
            rows.append(_by_name(value))
        except ValueError as error:
            bad[index] = str(error)
            rows.append({})
    names = dict.fromkeys(str(name) for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}, bad


def _by_name(value: Any) -> Mapping[str, Any]:
    """Return what a cell says by name; raise ValueError where it says nothing of the kind."""
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (json.JSONDecodeError, RecursionError):
            raise ValueError(f"is no mapping of names to numbers: {value[:SHOWN]!r}") from None
    if not isinstance(value, Mapping):
        raise ValueError(f"is no mapping of names to numbers: {str(value)[:SHOWN]!r}")
    return value


def read_numbers(columns: Columns, forms: Mapping[str, NumberForm], bad: dict[int, str]) -> np.ndarray:
    """Return float64[n, names], NaN where nothing is said, and add to `bad` why further records cannot be used."""
    count = len(next(iter(columns.values()), ())) or len(bad)
    found = np.full((count, len(forms)), np.nan)
    if strangers := [name for name in columns if name not in forms]:
        near = did_you_mean(strangers[0], list(forms))
        for row, cell in enumerate(columns[strangers[0]]):
            if cell is not None:
                bad.setdefault(row, f"the number {strangers[0]!r} does not stand in the training records: {near}")
    for place, (name, form) in enumerate(forms.items()):
        for row, cell in enumerate(columns.get(name, ())):
            if form.is_absent(cell):
                continue
            number = form.read(cell)
            if number is None or not math.isfinite(number):
                bad.setdefault(row, f"{name} is not a finite number: {cell!r}")
            else:
                found[row, place] = number
    for silent in np.flatnonzero(np.isnan(found).all(1)):
        bad.setdefault(int(silent), "all numbers are missing")
    return found
