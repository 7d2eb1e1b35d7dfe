"""The catalogue that histories speak of, learnt from those of training: state held as arrays, and how it is read.

Items are numbered by how many histories have them, so that the most popular is 0; after them come those that only the
table of items knows. Read next: modality.py, which numbers histories; targets/ranking/.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from noria.errors import UserError
from noria.sources.core.history import Attributes, History, history_of
from noria.types import Ragged, State, Values

MOST_ATTRIBUTES = 4096  # of items, and of users: the most frequent
LEAST_OCCURRENCES = 2  # of an attribute: one of a single item says no more than the item itself
MOST_LEVELS = 32  # different ratings; of more, the quantiles are the levels
DECADES = ("year", "release_year")  # columns whose decade is an attribute, too
ITEM, USER = "items", "users"


@dataclass(frozen=True)
class Catalogue:
    """A catalogue as it stands in a state: ids and titles as bytes, popularity int64[N], attributes by item."""

    state: State

    @property
    def size(self) -> int:
        return len(self.state["popularity"])

    @property
    def popularity(self) -> np.ndarray:
        """Return int64[N], in how many training histories each item is, most first."""
        return np.asarray(self.state["popularity"])

    @property
    def levels(self) -> list[float]:
        """Return the ratings that can be told apart, ascending; none of histories without ratings."""
        levels: list[float] = self.state["levels"]
        return levels

    def item(self, code: int) -> str:
        return _text(self.state["ids"], code)

    def title(self, code: int) -> str:
        """Return the title of an item, its id where none is known."""
        return _text(self.state["titles"], code) or self.item(code)

    def named(self, code: int) -> dict[str, Any]:
        """Return an item as answers name it: its id, and its title where one is known."""
        item, title = self.item(code), self.title(code)
        return {"item": item} | ({"title": title} if title != item else {})

    def attributes(self, kind: str) -> list[str]:
        """Return the attributes of items or of users, as `genre=Drama`, by code."""
        names: list[str] = self.state[kind]["names"]
        return names

    def attributes_of_items(self) -> Ragged:
        """Return the codes of each item's attributes."""
        return Ragged(np.asarray(self.state[ITEM]["values"]), np.asarray(self.state[ITEM]["offsets"]))

    def codes(self, items: Sequence[str]) -> np.ndarray:
        """Return int32[n], the number of each item; `size` for one that is not known."""
        if len(items) * 20 > self.size:  # so many steps takes a search among a million
            texts = self._texts()
            index = dict(zip(texts, range(len(texts)), strict=True))
            return np.array([index.get(item, self.size) for item in items], np.int32)
        return np.array([self._find(item) for item in items], np.int32)

    def user_codes(self, user: Attributes) -> list[int]:
        """Return the codes of a user's attributes that training knows."""
        names = self.attributes(USER)
        index = dict(zip(names, range(len(names)), strict=True))
        return sorted({index[one] for one in named(user) if one in index})

    def level(self, ratings: np.ndarray) -> np.ndarray:
        """Return uint8[n]: 0 where there is no rating, else 1 and more by the nearest level."""
        if not self.levels:
            return np.zeros(len(ratings), np.uint8)
        levels = np.array(self.levels)
        nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, np.nan_to_num(ratings))
        return np.where(np.isnan(ratings), 0, nearest + 1).astype(np.uint8)

    def _texts(self) -> list[str]:
        return Ragged(np.asarray(self.state["ids"]["bytes"]), np.asarray(self.state["ids"]["offsets"])).texts()

    def _find(self, item: str) -> int:
        """Return the number of an item by bisection: UTF-8 stands in the order of its texts."""
        order, packed, wanted = self.state["sorted"], self.state["ids"], item.encode("utf-8", "replace")
        raw, offsets = packed["bytes"], packed["offsets"]

        def at(place: int) -> bytes:
            code = order[place]
            return bytes(raw[offsets[code] : offsets[code + 1]])

        place = bisect_left(range(self.size), wanted, key=at)
        return int(order[place]) if place < self.size and at(place) == wanted else self.size


def fit_catalogue(values: Values) -> State:
    """Learn the catalogue of training histories; raise UserError where they name no item."""
    histories, first = [], ""
    for value in values:
        try:
            histories.append(history_of(value))
        except ValueError as error:
            first = first or str(error)
    counts = Counter(item for one in histories for item in set(one.items))
    if not counts:
        raise UserError("no training history has an item", found=first or "empty histories")
    table = next((one.catalogue for one in histories if one.catalogue is not None), None)
    cold = sorted(set(table.rows) - set(counts)) if table else []
    ids = [*sorted(counts, key=lambda item: (-counts[item], item)), *cold]
    titles, rows = (table.titles, table.rows) if table else ({}, {})
    of_items = [with_decade(rows.get(item, {})) for item in ids]
    users = [one.user for one in histories if one.user]
    return {
        "ids": _packed(ids),
        "sorted": np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int32),
        "titles": _packed([titles.get(item, "") for item in ids]),
        "popularity": np.array([counts.get(item, 0) for item in ids], np.int64),
        "levels": _levels(np.concatenate([one.ratings for one in histories])),
        ITEM: _coded(of_items),
        USER: {"names": _names(users)},
        "events": int(sum(len(one.items) for one in histories)),
    }


def named(attributes: Attributes) -> list[str]:
    """Return attributes as texts, `genre=Drama`."""
    return [f"{column}={value}" for column, values in attributes.items() for value in values]


def with_decade(attributes: Attributes) -> Attributes:
    """Return attributes with the decade of a year beside it."""
    years = next((attributes[column] for column in DECADES if attributes.get(column)), ())
    if len(years) == 1 and years[0].isdigit() and len(years[0]) == 4:
        return {**attributes, "era": (f"{years[0][:3]}0s",)}
    return attributes


def _names(rows: Iterable[Attributes]) -> list[str]:
    counts = Counter(one for row in rows for one in set(named(row)))
    kept = [name for name, count in counts.items() if count >= LEAST_OCCURRENCES]
    return sorted(sorted(kept, key=lambda name: (-counts[name], name))[:MOST_ATTRIBUTES])


def _coded(rows: Sequence[Attributes]) -> dict[str, Any]:
    """Return the names of attributes, and their codes item by item."""
    names = _names(rows)
    index = dict(zip(names, range(len(names)), strict=True))
    codes = Ragged.of([sorted({index[one] for one in named(row) if one in index}) for row in rows], np.int32)
    return {"names": names, "values": codes.values, "offsets": codes.offsets}


def _levels(ratings: np.ndarray) -> list[float]:
    known = ratings[~np.isnan(ratings)]
    different: Any = np.unique(known)
    if len(different) > MOST_LEVELS:
        different = np.unique(np.quantile(known, np.linspace(0, 1, 11)[1:]))
    return [float(one) for one in different] if len(different) > 1 else []


def _packed(texts: Sequence[str]) -> dict[str, np.ndarray]:
    rows = Ragged.of_texts(texts)
    return {"bytes": rows.values, "offsets": rows.offsets}


def _text(packed: Mapping[str, Any], code: int) -> str:
    start, end = int(packed["offsets"][code]), int(packed["offsets"][code + 1])
    return bytes(packed["bytes"][start:end]).decode("utf-8", "replace")


def history_or_empty(value: Any) -> tuple[History, str]:
    """Return a raw value as a history, and why it is none; an empty one then stands for it."""
    try:
        return history_of(value), ""
    except ValueError as error:
        return History([], np.zeros(0), np.zeros(0, np.float32)), str(error)
