"""Which columns of a table say who did what, when and how much they liked it; its rows as arrays.

Columns are named by the job, or found by the names that published sets give them, the typed headers of RecBole
(`user_id:token`) among them. Read next: histories.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from noria.contract.source import Source
from noria.errors import UserError, did_you_mean
from noria.sources.core.history import LATEST_S
from noria.types import Rejected

NAMELESS = re.compile(r"column_\d+")  # of a table without a header, by place
ROLES = ("user", "item", "time", "rating")
NAMES = {  # as published sets call them, without underscores and in small letters
    "user": (
        "user",
        "userid",
        "uid",
        "customer",
        "customerid",
        "visitorid",
        "reviewerid",
        "member",
        "memberid",
        "student",
        "studentid",
        "learner",
        "learnerid",
        "anonstudentid",
    ),
    "item": (
        "item",
        "itemid",
        "iid",
        "movieid",
        "productid",
        "asin",
        "bookid",
        "trackid",
        "articleid",
        "isbn",
        "sku",
        "skill",
        "skillid",
        "skillname",
        "exercise",
        "exerciseid",
        "question",
        "questionid",
        "problem",
        "problemid",
    ),
    "time": ("time", "timestamp", "ts", "date", "datetime", "unixreviewtime", "eventtime", "createdat"),
    "rating": ("rating", "ratings", "score", "stars", "overall", "bookrating", "correct", "iscorrect"),
}
MILLISECONDS = 1e11  # a time beyond counts them: seconds reach it in the year 5138


@dataclass(frozen=True)
class Interactions:
    """Rows of a table in their order: codes of users and items int32[n], times float64[n], ratings float32[n].

    users and items are the ids by code. rejected: the rows that name no user or no item. notes: what was unusual.
    """

    users: Sequence[str]
    items: Sequence[str]
    user: np.ndarray
    item: np.ndarray
    times: np.ndarray
    ratings: np.ndarray
    rejected: Sequence[Rejected]
    notes: Sequence[str]


def plain_name(column: str) -> str:
    """Return the name of a column without the type that RecBole writes behind it."""
    name, _, kind = column.rpartition(":")
    return name if kind in ("token", "token_seq", "float", "float_seq") else column


def found_columns(columns: Sequence[str], named: Mapping[str, str], where: str) -> dict[str, str]:
    """Return the column of each role, `user` and `item` at least; {} where this is no table of interactions.

    Raises UserError for a named column that is not there, and where no column has a name.
    """
    found = {}
    for role in ROLES:
        if role in named:
            if named[role] not in columns:
                fix = did_you_mean(named[role], columns)
                raise UserError(f"no column {named[role]!r}, which data.events names for {role}", where=where, fix=fix)
            found[role] = named[role]
        elif own := next((one for name in NAMES[role] for one in columns if _key(one) == name), None):
            found[role] = own
    if {"user", "item"} <= found.keys():
        return found
    if named:
        missing = " and ".join(role for role in ("user", "item") if role not in found)
        fix = "name them: data.events={user: COLUMN, item: COLUMN, time: COLUMN, rating: COLUMN}"
        raise UserError(f"no column says the {missing}", where=where, found=", ".join(columns), fix=fix)
    if len(columns) > 1 and all(NAMELESS.fullmatch(column) for column in columns):
        fix = "name them in their order, as of MovieLens' u.data: data.columns=[user, item, rating, time]"
        raise UserError("no column has a name, so none says the user", where=where, found=", ".join(columns), fix=fix)
    return {}


def read_interactions(source: Source, columns: Mapping[str, str]) -> Interactions:
    """Read all rows of a table; 20 bytes are held of each."""
    users, items = _Codes(), _Codes()
    numbers = {"time": _Numbers(_seconds), "rating": _Numbers(_rating)}
    rejected: list[Rejected] = []
    for rows in source.rows():
        rejected += rows.bad
        who, what = ([_id(cell) for cell in rows.columns[columns[role]]] for role in ("user", "item"))
        kept = [i for i, (user, item) in enumerate(zip(who, what, strict=True)) if user and item]
        missing = sorted({*range(len(who))} - {*kept})
        rejected += [Rejected(rows.where(i), f"names no {'item' if who[i] else 'user'}") for i in missing]
        users.add([who[i] for i in kept])
        items.add([what[i] for i in kept])
        for role, one in numbers.items():
            cells = rows.columns[columns[role]] if role in columns else [None] * len(who)
            one.add([cells[i] for i in kept])
    times, ratings = numbers["time"], numbers["rating"]
    notes = [
        *(
            [f"{times.strange:,} times are none of 1970 to 2100: these events keep their place"]
            if times.strange
            else []
        ),
        *([f"{ratings.strange:,} ratings are no numbers: they count as missing"] if ratings.strange else []),
    ]
    values = users.joined(), items.joined(), times.joined(), ratings.joined().astype(np.float32)
    return Interactions([*users.index], [*items.index], *values, rejected, notes)


class _Codes:
    """Ids as numbers, in the order in which they are first seen."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self._parts = [np.zeros(0, np.int32)]

    def add(self, ids: Sequence[str]) -> None:
        self._parts.append(np.array([self.index.setdefault(one, len(self.index)) for one in ids], np.int32))

    def joined(self) -> np.ndarray:
        return np.concatenate(self._parts)


class _Numbers:
    """Cells as numbers, NaN where they are empty or, which is counted, `strange`."""

    def __init__(self, read: Callable[[Any], float | None]) -> None:
        self._read, self.strange = read, 0
        self._parts = [np.zeros(0)]

    def add(self, cells: Sequence[Any]) -> None:
        values = [self._read(cell) for cell in cells]
        self.strange += sum(value is None for value in values)
        self._parts.append(np.array([math.nan if value is None else value for value in values], np.float64))

    def joined(self) -> np.ndarray:
        return np.concatenate(self._parts)


def _key(column: str) -> str:
    return plain_name(column).replace("_", "").replace("-", "").replace(" ", "").lower()


def _id(cell: Any) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    return str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell).strip()


def _rating(cell: Any) -> float | None:
    """Return a rating; NaN where the cell is empty, None where it is no number."""
    text = _id(cell)
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _seconds(cell: Any) -> float | None:
    """Return a time in seconds since 1970; NaN where the cell is empty, None where it is none until 2100."""
    text = _id(cell)
    if not text:
        return math.nan
    try:
        value = float(text)
        value = value / 1000 if value > MILLISECONDS else value
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return value if 0 <= value <= LATEST_S else None
