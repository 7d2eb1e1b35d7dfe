"""A history: what somebody did with items of a catalogue, in order. Held as arrays; for people it is a list of entries.

    ["242", {"item": "302", "time": 891717742, "rating": 3}]              events: an item, and what is known of it
    {"user": {"age": 24}}                                 who it is
    {"only": ["242", "51"]}    {"without": ["51"]}        which items may be answered

Read next: sources/formats/histories.py, which makes histories of the rows of a table; modalities/items/.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noria.errors import did_you_mean

EVENT, USER, CONDITIONS = ("item", "time", "rating"), "user", ("only", "without")
LATEST_S = 4_102_444_800.0  # the year 2100: what lies beyond is no time of something done
SHOWN = 80  # characters of what is no entry
Attributes = Mapping[str, tuple[str, ...]]  # by column: its values, several where one cell names several


@dataclass(frozen=True)
class SideTable:
    """What is known of each item, or each user, beside what was done: attributes by id. `titles` name items."""

    rows: Mapping[str, Attributes]
    titles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class History(Sequence[Any]):
    """Events in order: items [n] of str, times float64[n] in seconds and ratings float32[n], NaN where not known.

    user: attributes of who it is. only, without: the items that may be answered (None: all), and that may not.
    catalogue: the table of items that the source has beside it.
    """

    items: Sequence[str]
    times: np.ndarray
    ratings: np.ndarray
    user: Attributes = field(default_factory=dict)
    only: Sequence[str] | None = None
    without: Sequence[str] = ()
    catalogue: SideTable | None = None

    def __len__(self) -> int:
        return len(self.entries())

    def __getitem__(self, index: Any) -> Any:
        return self.entries()[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries())

    def __repr__(self) -> str:
        return repr(self.entries())  # all of it: records are told apart by it

    def entries(self) -> list[dict[str, Any]]:
        """Return the history as people write it."""
        found: list[dict[str, Any]] = (
            [{"user": {name: list(one) for name, one in self.user.items()}}] if self.user else []
        )
        found += [{"only": list(self.only)}] if self.only is not None else []
        found += [{"without": list(self.without)}] if self.without else []
        for item, time, rating in zip(self.items, self.times.tolist(), self.ratings.tolist(), strict=True):
            known = {"time": time, "rating": rating}
            found.append({"item": item, **{name: value for name, value in known.items() if not math.isnan(value)}})
        return found


def history_of(value: Any) -> History:
    """Return a list of entries as a history; raise ValueError with a reason where it is none."""
    if isinstance(value, History):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise ValueError("the history is missing; of somebody of whom nothing is known it is an empty list, []")
    if isinstance(value, str) and value.lstrip().startswith("["):  # a cell of a table
        value = _from_json(value)
    if not isinstance(value, list | tuple):
        raise ValueError(f"expected a list of items or events, found {value!r}"[:SHOWN])
    items, times, ratings = [], [], []
    user: dict[str, tuple[str, ...]] = {}
    conditions: dict[str, list[str]] = {}
    for number, entry in enumerate(value, 1):
        if not isinstance(entry, Mapping):
            entry = {"item": entry}
        _check_keys(entry, number)
        if USER in entry:
            user |= {str(name): values_of_cell(cell) for name, cell in entry[USER].items()}
        for name in CONDITIONS:
            if name in entry:
                conditions.setdefault(name, []).extend(item_id(one, number) for one in entry[name])
        if not {USER, *CONDITIONS} & entry.keys():
            items.append(item_id(entry.get("item"), number))
            times.append(_time(entry.get("time"), number))
            ratings.append(_number(entry.get("rating"), "rating", number))
    arrays = np.array(times, np.float64), np.array(ratings, np.float32)
    return History(items, *arrays, user, conditions.get("only"), conditions.get("without", ()))


def _check_keys(entry: Mapping[Any, Any], number: int) -> None:
    """Raise ValueError where an entry says what no history says, or two things that do not go together."""
    known = (*EVENT, USER, *CONDITIONS)
    if unknown := [str(name) for name in entry if name not in known]:
        raise ValueError(f"entry {number} has an unknown key {unknown[0][:SHOWN]!r}; {did_you_mean(unknown[0], known)}")
    others = [name for name in (USER, *CONDITIONS) if name in entry]
    if others and (events := [name for name in EVENT if name in entry]):
        raise ValueError(f"entry {number}: {events[0]!r} and {others[0]!r} are entries of their own")
    for name in others:
        is_mapping = name == USER
        if not isinstance(entry[name], Mapping if is_mapping else list | tuple):
            wanted = 'who it is by column, as {"age": "24"}' if is_mapping else 'a list of items, as ["51"]'
            raise ValueError(f"entry {number}: {name!r} is {wanted}, found {entry[name]!r}"[: 2 * SHOWN])


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"the list cannot be read as JSON: {error}") from None


def item_id(value: Any, number: int) -> str:
    """Return an id as text; ValueError where it is none. A whole number and its text are one id."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | np.integer) or not str(value).strip():
        raise ValueError(f"entry {number} names no item: {value!r}"[:SHOWN])
    text = str(value).strip()
    if not text.isascii():
        text.encode("utf-8")  # half of a character raises UnicodeEncodeError, which is a ValueError
    return text


def values_of_cell(cell: Any) -> tuple[str, ...]:
    """Return the values of an attribute as texts: those of a list, or the one that a cell is; none of an empty one."""
    values = cell if isinstance(cell, list | tuple) else [cell]
    return tuple(text for one in values if one is not None and (text := str(one).strip()))


def _time(value: Any, number: int) -> float:
    time = _number(value, "time", number)
    if time < 0 or time > LATEST_S:
        raise ValueError(f"entry {number}: a time is in seconds from 1970 to 2100, found {value!r}"[: 2 * SHOWN])
    return time


def _number(value: Any, name: str, number: int) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ValueError(f"entry {number}: the {name} is a number, found {value!r}"[: 2 * SHOWN])
    if not math.isfinite(value):
        raise ValueError(f"entry {number}: the {name} is not finite")
    return float(value)
