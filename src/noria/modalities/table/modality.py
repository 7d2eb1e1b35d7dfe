"""Tables: numbers, categories and dates with holes, each column understood from its training values.

What a column is gets inferred unless `kinds` says so: numbers parse as numbers, dates as dates, the rest are
categories; a constant column and one that names each record (an identifier, free text) are left out. Read next:
modalities/table/embedder.py.
"""

from __future__ import annotations

import datetime
import functools
import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np

from noria.contract import Modality
from noria.contract.capabilities import Attributable, Displays, WarmStarts
from noria.errors import UserError
from noria.modalities.table.settings import Kind, TableSettings
from noria.types import Arrays, Encoded, Span, State, Values

if TYPE_CHECKING:
    from torch import nn

_T = TypeVar("_T")
MISSING = {"", "?", "na", "n/a", "nan", "null", "none", "nil", "-", "--", "missing", "缺失", "无"}
PARSED = 0.99  # a column is numbers, or dates, where so many of its values are
IDENTIFIER = 0.5  # a column of words is left out where more than this share of its values stand once
LEAST_CATEGORY = 5  # training records that a category needs for a place of its own; others share "rare"
MOST_CATEGORIES = 5_000
DATE_FORMATS = ("%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y%m%d", "%Y年%m月%d日")
DATE_PARTS = ("day", "month", "weekday", "hour")
DATES_TRIED = 200
CODES = 5  # so few different whole numbers are taken for codes of categories
LARGEST = 1e30  # far inside what float32 holds
RARE, ABSENT = 0, 1  # the first two places of every category


@dataclass(frozen=True)
class Table(TableSettings, Modality, WarmStarts, Displays, Attributable):
    """A row of a table.

    Arrays: `numbers` float32[n, a] standardised, NaN where missing; `categories` int64[n, b], 0 rare, 1 missing.
    """

    kind: ClassVar[str] = "table"
    raw_type: ClassVar[Literal["columns"]] = "columns"

    def fit(self, values: Values) -> State:
        columns = _columns(values)
        if unknown := set(self.kinds) - set(columns):
            raise UserError(
                f"inputs.table.kinds names no column: {', '.join(sorted(unknown))}", found=", ".join(columns)
            )
        numbers: dict[str, Any] = {}
        categories: dict[str, list[str]] = {}
        kinds: dict[str, Kind] = {}
        for name, cells in columns.items():
            given = [cell for cell in cells if not is_missing(cell)]
            kinds[name] = self.kinds.get(name) or _kind(given)
            if kinds[name] == "number":
                found = [number for cell in given if (number := _number(cell)) is not None]
                usable = [number for number in found if abs(number) <= LARGEST]  # `encode` names the others
                numbers[name] = self._spread(_some(usable, name, "number"))
            elif kinds[name] == "date":
                dates = [_date_parts(date) for cell in given if (date := _date(cell)) is not None]
                parts = np.array(_some(dates, name, "date"))
                for index, part in enumerate(DATE_PARTS):
                    if len(set(parts[:, index])) > 1:
                        numbers[_part_name(name, part, columns)] = self._spread(parts[:, index].tolist())
            elif kinds[name] == "category":
                least = LEAST_CATEGORY if len(cells) > 100 * LEAST_CATEGORY else 2
                common = Counter(_text(cell) for cell in given).most_common(MOST_CATEGORIES)
                categories[name] = sorted(text for text, count in common if count >= least)
        if not numbers and not categories:
            raise UserError("no column can be learnt from", found=", ".join(f"{n}: {k}" for n, k in kinds.items()))
        return {
            "columns": ", ".join(f"{name} ({kind})" for name, kind in kinds.items()),
            "kinds": dict(kinds),
            "numbers": numbers,
            "categories": categories,
            "names": {"numbers": list(numbers), "categories": list(categories)},
        }

    def warm_start(self, state: State) -> State | None:
        return state

    def encode(self, values: Values, state: State) -> Encoded:
        columns = _columns(values)
        records = len(next(iter(columns.values())))
        bad: dict[int, str] = {}
        raw: dict[str, np.ndarray] = {}
        for name, kind in state["kinds"].items():
            if kind == "number":
                raw[name] = _numbers(name, columns[name], bad)
            elif kind == "date":
                parts = _dates(name, columns[name], bad)
                raw |= {_part_name(name, part, state["kinds"]): parts[:, i] for i, part in enumerate(DATE_PARTS)}
        numbers = np.zeros((records, len(state["numbers"])), np.float32)
        for index, (name, spread) in enumerate(state["numbers"].items()):
            numbers[:, index] = (raw[name] - spread["mean"]) / spread["spread"]
        categories = np.zeros((records, len(state["categories"])), np.int64)
        for index, (name, known) in enumerate(state["categories"].items()):
            places = {text: place for place, text in enumerate(known, start=2)}
            categories[:, index] = _each(columns[name], functools.partial(_place, places))
        numbers[list(bad)] = 0
        return Encoded({"numbers": numbers, "categories": categories}, bad)

    def display(self, arrays: Arrays, state: State) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for value, (name, spread) in zip(arrays["numbers"], state["numbers"].items(), strict=True):
            row[name] = None if np.isnan(value) else float(f"{value * spread['spread'] + spread['mean']:.6g}")
        for place, (name, known) in zip(arrays["categories"], state["categories"].items(), strict=True):
            row[name] = {RARE: "(rare)", ABSENT: None}.get(int(place)) if place < 2 else known[int(place) - 2]
        return row

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.modalities.table.embedder import TableEmbedder

        return TableEmbedder(self, state, width)

    def spans(self, value: Any, state: State) -> list[Span]:
        names = [*state["numbers"], *state["categories"]]
        if self.stem == "columns":
            return [Span("column", index, index + 1, name) for index, name in enumerate(names)]
        return [Span("column", 0, len(names))] * self.members

    def _spread(self, numbers: Sequence[float]) -> dict[str, Any]:
        """Return mean, spread and the edges of the bins, standardised."""
        values = np.asarray(numbers, np.float64)
        mean, spread = float(values.mean()), float(values.std()) or 1.0
        bins = self.bins or automatic_bins(len(values))
        quantiles = np.linspace(0, 1, bins + 1)
        both = np.concatenate([np.quantile(values, quantiles), np.quantile(np.unique(values), quantiles)])
        edges = np.unique(np.round((both - mean) / spread, 6))  # rounded first: a bin of no width divides by zero
        return {"mean": mean, "spread": spread, "edges": edges.tolist()}


def automatic_bins(records: int) -> int:
    """Return the number of bins for so many training records: fine where there are many, a straight line for few."""
    return int(min(256, max(2, records // 24)))


def is_missing(cell: Any) -> bool:
    """Whether a cell says nothing: empty, NaN, None, or one of the usual words for it."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return True
    return isinstance(cell, str) and cell.strip().lower() in MISSING


def _columns(values: Values) -> Mapping[str, Sequence[Any]]:
    if not isinstance(values, Mapping):
        raise TypeError("a table's values are a mapping of columns")
    return {name: cells.tolist() if isinstance(cells, np.ndarray) else cells for name, cells in values.items()}


def _kind(given: Sequence[Any]) -> Kind:
    """Infer what a column is from the values that are there; each different value is looked at once."""
    counts = Counter(given)
    if len({_text(cell) for cell in counts}) < 2:
        return "ignore"
    numbers = {cell: number for cell in counts if (number := _number(cell)) is not None}
    if sum(counts[cell] for cell in numbers) >= PARSED * len(given):
        is_code = len(set(numbers.values())) <= CODES and all(number.is_integer() for number in numbers.values())
        return "category" if is_code else "number"
    first = list(counts)[:DATES_TRIED]
    if all(_date(cell) is not None for cell in first[:3]) and sum(_date(c) is not None for c in first) >= PARSED * len(
        first
    ):
        return "date"
    return "ignore" if len(given) > 20 and len(counts) > IDENTIFIER * len(given) else "category"


def _some(values: list[_T], name: str, kind: Kind) -> list[_T]:
    if not values:
        raise UserError(
            f"column {name!r} holds no {kind} that can be learnt from",
            fix=f"give inputs.table.kinds={{{name}: ignore}}",
        )
    return values


def _numbers(name: str, cells: Sequence[Any], bad: dict[int, str]) -> np.ndarray:
    try:
        numbers = np.fromiter(map(float, cells), np.float64, len(cells))
        if not (np.abs(numbers) > LARGEST).any():
            return numbers
    except (TypeError, ValueError, OverflowError):
        pass  # one of them is no plain number
    numbers = np.full(len(cells), np.nan)
    for i, cell in enumerate(cells):
        number = _number(cell)
        if number is None:
            if not is_missing(cell):
                bad[i] = f"column {name!r} should hold a number: {cell!r}"
        elif abs(number) > LARGEST:
            bad[i] = f"column {name!r} is infinite or too large: {cell!r}"
        else:
            numbers[i] = number
    return numbers


def _dates(name: str, cells: Sequence[Any], bad: dict[int, str]) -> np.ndarray:
    absent = (np.nan,) * len(DATE_PARTS)

    def parts_of(cell: Any) -> tuple[float, ...] | None:
        date = None if is_missing(cell) else _date(cell)
        return _date_parts(date) if date else absent if is_missing(cell) else None

    parts = _each(cells, parts_of)
    bad |= {i: f"column {name!r} should hold a date: {cells[i]!r}" for i, one in enumerate(parts) if one is None}
    return np.array([one or absent for one in parts])


def _place(places: Mapping[str, int], cell: object) -> int:
    """Return the code of a category's cell."""
    return ABSENT if is_missing(cell) else places.get(_text(cell), RARE)


def _each(cells: Sequence[Any], read: Callable[[Any], _T]) -> list[_T]:
    """Return what each cell is read as; of equal texts only one is read."""
    if set(map(type, cells)) != {str}:  # 1 and True are equal, but read differently
        return [read(cell) for cell in cells]
    known = {cell: read(cell) for cell in set(cells)}
    return [known[cell] for cell in cells]


def _number(cell: Any) -> float | None:
    if isinstance(cell, str) and not cell.isascii():
        cell = unicodedata.normalize("NFKC", cell)  # full-width digits, points and signs
    try:
        return float(cell)
    except OverflowError:  # a whole number larger than any float
        return math.inf if cell > 0 else -math.inf
    except (TypeError, ValueError):
        return None


def _date(cell: Any) -> datetime.datetime | None:
    if isinstance(cell, datetime.date):
        return datetime.datetime(cell.year, cell.month, cell.day, getattr(cell, "hour", 0))
    text = str(cell).strip()
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in DATE_FORMATS:
        try:
            return datetime.datetime.strptime(text, form)
        except ValueError:
            continue
    return None


def _date_parts(date: datetime.datetime) -> tuple[float, float, float, float]:
    return date.toordinal() + date.hour / 24, date.month, date.weekday(), date.hour


def _part_name(name: str, part: str, columns: Collection[str]) -> str:
    """Return what a part of a date column is called: a name that no column of the table has."""
    own = f"{name}.{part}"
    while own in columns:
        own += "'"
    return own


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()
