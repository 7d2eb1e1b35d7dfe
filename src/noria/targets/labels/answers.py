"""What stands in the data for several yes/no answers: a column each, or one cell with the names of those that hold.

Knows no network. Read next: target.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from noria.columns.categories import truth_of
from noria.columns.cells import NOTHING_BESIDE_VALUES, is_absent, text_of
from noria.errors import UserError, did_you_mean

Cells: TypeAlias = "Sequence[Any] | np.ndarray"
SEPARATORS = (";", "|", ",")  # between names in a cell; the first that occurs
SHOWN = 5  # values of a column that is refused


def column_counts(columns: Mapping[str, Cells], yes: Sequence[str]) -> dict[str, list[int]]:
    """Return how many records say yes and no of each column; raise UserError naming every one that is no yes or no."""
    counts, refused = {}, {}
    for name, cells in columns.items():
        texts = Counter(text_of(cell) for cell in cells if not is_absent(cell, NOTHING_BESIDE_VALUES))
        truths = {text: _truth(text, yes) for text in texts}
        if None in truths.values() or (yes and len(texts) > 2):
            shown = [f"{text!r} {count}" for text, count in texts.most_common(SHOWN)]
            refused[name] = ", ".join(shown) + (", ..." if len(texts) > SHOWN else "")
        counts[name] = [sum(n for text, n in texts.items() if truths[text] is kind) for kind in (True, False)]
    if refused:
        raise UserError(
            f"not every label is a yes or no: {', '.join(refused)}",
            expected="1 or 0, true or false, yes or no; blank where it is not known",
            found="; ".join(f"{name}: {shown}" for name, shown in refused.items()),
            fix="of two other words say which is yes: target.yes=[active]; a column of more values is a label of its "
            "own task, or one column for each value",
        )
    return counts


def read_columns(
    columns: Mapping[str, Cells], labels: Sequence[str], yes: Sequence[str]
) -> tuple[np.ndarray, dict[int, str]]:
    """Return float32[n, labels], 1 yes, 0 no, NaN where nothing is said, and why some records cannot be used."""
    count = len(next(iter(columns.values())))
    found = np.full((count, len(labels)), np.nan, np.float32)
    bad: dict[int, str] = {}
    for place, name in enumerate(labels):
        for row, cell in enumerate(columns[name]):
            if is_absent(cell, NOTHING_BESIDE_VALUES):
                continue
            if (truth := _truth(text_of(cell), yes)) is None:
                bad.setdefault(row, f"the label {name!r} is neither yes nor no: {text_of(cell)!r}")
            else:
                found[row, place] = truth
    for silent in np.flatnonzero(np.isnan(found).all(1)):
        bad.setdefault(int(silent), "all labels are missing")
    return found, bad


def separator_of(cells: Cells) -> str:
    """Return what stands between names in the cells of a column."""
    texts = [cell for cell in cells if isinstance(cell, str) and not cell.lstrip().startswith("[")]
    return next((one for one in SEPARATORS if any(one in text for text in texts)), SEPARATORS[0])


def names_in(cell: Any, separator: str) -> list[str]:
    """Return the names that a cell holds; raise ValueError where it is missing or no list of names."""
    if is_absent(cell):
        raise ValueError("the labels are missing: [] says that none holds")
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            cell = json.loads(cell.replace("'", '"'))
        except ValueError:
            raise ValueError(f"is no list of names: {cell[:80]!r}") from None
    if isinstance(cell, str):
        cell = cell.split(separator)
    cell = cell.tolist() if isinstance(cell, np.ndarray) else cell
    if not isinstance(cell, list | tuple | set) or not all(isinstance(one, str | int) for one in cell):
        raise ValueError(f"is no list of names: {str(cell)[:80]!r}")
    return [name for one in cell if (name := text_of(one))]


def read_cells(cells: Cells, labels: Sequence[str], separator: str) -> tuple[np.ndarray, dict[int, str]]:
    """Return the same of cells that name what holds: what they do not name does not hold."""
    places = {name: place for place, name in enumerate(labels)}
    found, bad = np.zeros((len(cells), len(labels)), np.float32), {}
    for row, cell in enumerate(cells):
        try:
            names = names_in(cell, separator)
        except ValueError as error:
            bad[row] = str(error)
            continue
        if unknown := [name for name in names if name not in places]:
            near = did_you_mean(unknown[0], labels)
            bad[row] = f"the label {unknown[0]!r} does not stand in the training records: {near}"
        else:
            found[row, [places[name] for name in names]] = 1
    return found, bad


def _truth(text: str, yes: Sequence[str]) -> bool | None:
    return text in yes if yes else truth_of(text)
