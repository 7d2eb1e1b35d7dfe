"""The rows of a table of interactions as records: one user's history each, and what came next as the answer.

A history is divided by one of four protocols, `data.split.within`, so that a user has a record in every split:

    random   a share of each user's items, drawn by the user's id       history: training items
    last     the last item is test, the last but one validation         history: all before it
    time     what lies behind one moment, the same for all users        history: all before it
    lines    the first rows of the file, as a published split has them  history: training items

Order is time, and of equal times that of the file; `time` never parts events of one moment. What a user had before is
no answer: it is counted. Where the history holds training items alone, the validation items are left out of test's
answers by a condition. Read next: interactions.py, sources/core/history.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract.source import Gathering, Source
from noria.errors import UserError
from noria.sources.core.history import History, SideTable
from noria.sources.formats.interactions import Interactions, found_columns, read_interactions
from noria.sources.formats.side_tables import side_files, side_table
from noria.types import Rows

TRAIN, VALIDATION, TEST, LEFT_OUT = range(4)
SPLITS = ("train", "validation", "test")
LEAST_LEFT_OUT = 3  # items of a user of which the last two are held out
BOTS, BOTS_LEAST = 20, 1000  # so many times the median of a user's events, and at least so many, are told


def histories(source: Source, by: Gathering, answer: str) -> Source:
    """Return a table of interactions as histories with an answer of this name; the source where it is none."""
    if "history" in source.columns:
        if by.columns:
            raise UserError(
                "has histories already, and no interactions", where=str(source.path), fix="leave data.events out"
            )
        return source
    columns = found_columns(source.columns, by.columns, str(source.path))
    return Histories(source, columns, by, answer) if columns else source


class Histories(Source):
    """Histories of users. Columns: `history`, the answer where histories are divided, `user`, the users' attributes."""

    def __init__(self, source: Source, columns: Mapping[str, str], by: Gathering, answer: str):
        self._source, self._roles, self._by, self._answer = source, columns, by, answer
        self.path, self.root = source.path, source.root
        self._notes: list[str] = []
        if by.within in ("last", "time") and "time" not in columns:
            self._notes.append("there is no column of times: events are taken in the order of the file")
        self._files = side_files(source.path)
        self._users = side_table(self._files["user"]) if "user" in self._files else None
        own = {"history", answer, "user"}
        self._attributes = (
            sorted({name for row in self._users.rows.values() for name in row} - own) if self._users else []
        )
        self.columns = ["history", *([answer] if by.within else []), "user", *self._attributes]

    def files(self) -> Iterable[Path]:
        """Return the table and the tables of items and users beside it."""
        return [*self._source.files(), *self._files.values()]

    def notes(self) -> list[str]:
        """Return which columns were taken for what, and what is unusual (known once the rows were read)."""
        roles = ", ".join(f"{role} is {column!r}" for role, column in self._roles.items())
        beside = [f"{kind}s are described by {path.name}" for kind, path in self._files.items()]
        return [
            *self._source.notes(),
            f"a record is a user's history: {roles}",
            *beside,
            *self._notes,
            *self._read_notes,
        ]

    @property
    def _read_notes(self) -> list[str]:
        return list(self._events.notes) if "_events" in vars(self) else []

    @cached_property
    def _catalogue(self) -> SideTable | None:
        return side_table(self._files["item"]) if "item" in self._files else None

    @cached_property
    def _events(self) -> _Events:
        return _Events(read_interactions(self._source, self._roles), self._by)

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield histories, some users at a time and split by split."""
        events = self._events
        bad = list(events.table.rejected)
        for start in range(0, len(events.starts) - 1, chunk_size):
            users = range(start, min(start + chunk_size, len(events.starts) - 1))
            for split in range(TEST + 1) if self._by.within else (None,):
                found = [(user, *one) for user in users if (one := self._record(events, user, split)) is not None]
                yield self._rows(events, found, "" if split is None else SPLITS[split], bad)
                bad = []

    def _rows(
        self, events: _Events, found: Sequence[tuple[int, History, History | None]], split: str, bad: Any
    ) -> Rows:
        names = [events.table.users[user] for user, _, _ in found]
        columns: dict[str, Any] = {"history": [one for _, one, _ in found], "user": names}
        if self._by.within:
            columns[self._answer] = [one for _, _, one in found]
        for name in self._attributes:
            columns[name] = [", ".join(self._user(user).get(name, ())) or None for user in names]
        return Rows(columns, self.path.name, [f"user {name}" for name in names], split, bad)

    def _user(self, name: str) -> Mapping[str, tuple[str, ...]]:
        return {} if self._users is None else self._users.rows.get(name, {})

    def _record(self, events: _Events, user: int, split: int | None) -> tuple[History, History | None] | None:
        """Return the history of a user and what is to be found in a split; None where there is nothing."""
        own = np.arange(events.starts[user], events.starts[user + 1])
        if split is None:
            return self._history(events, user, own), None
        sides, is_first = events.sides[own], events.is_first[own]
        answers = own[(sides == split) & is_first]
        if not len(answers):
            return None
        if split == TRAIN:  # the last new item is the answer, so that a record is of one kind in every split
            answers = answers[-1:]
            return self._history(events, user, own[(sides == TRAIN) & (own < answers[0])]), self._history(
                events, user, answers
            )
        is_ordered = self._by.within in ("last", "time")
        before = own[sides < split if is_ordered else sides == TRAIN]
        without = [] if is_ordered else own[(sides != TRAIN) & (sides < split)]
        names = [events.table.items[events.item[place]] for place in without]
        return self._history(events, user, before, names), self._history(events, user, answers)

    def _history(self, events: _Events, user: int, places: np.ndarray, without: Sequence[str] = ()) -> History:
        names = events.table.items
        return History(
            [names[code] for code in events.item[places].tolist()], events.times[places], events.ratings[places],
            self._user(events.table.users[user]), without=without, catalogue=self._catalogue,
        )  # fmt: skip


class _Events:
    """All events, user by user in order; `starts` int[users + 1]; their sides; whether an item is new to its user."""

    def __init__(self, table: Interactions, by: Gathering) -> None:
        self.table = table
        filled = _filled(table)
        order = np.lexsort((np.arange(len(filled)), filled, table.user))
        order = order[~_is_double(table, order)]
        self.row, self.item, self.user = order, table.item[order], table.user[order]
        self.times, self.ratings, self._moments = table.times[order], table.ratings[order], filled[order]
        self.starts = np.searchsorted(self.user, np.arange(len(table.users) + 1))
        pairs = self.user.astype(np.int64) * max(1, len(table.items)) + self.item
        self._pair, first, self._pair_of = np.unique(pairs, return_index=True, return_inverse=True)
        self.is_first = np.zeros(len(order), bool)
        self.is_first[first] = True
        self._first = first
        self.sides = np.zeros(len(order), np.int8)
        notes = [*table.notes]
        if doubles := len(table.user) - len(order):
            notes.append(f"{doubles:,} rows say the same as one before, time included, and count once")
        if repeats := len(order) - len(first):
            notes.append(f"{repeats:,} events are of an item that their user had before: history, but never an answer")
        notes += self._bots()
        if by.within:
            notes += getattr(self, f"_{by.within}")(by)
        self.notes = notes

    def _bots(self) -> list[str]:
        counts = np.diff(self.starts)
        most = max(BOTS_LEAST, BOTS * float(np.median(counts))) if len(counts) else 0
        many = np.flatnonzero(counts > most)
        if not len(many):
            return []
        largest = many[np.argmax(counts[many])]
        return [
            f"{len(many):,} users have more than {most:,.0f} events, {self.table.users[largest]!r} {counts[largest]:,}:"
            " programs, it may be; they are kept"
        ]

    def _random(self, by: Gathering) -> list[str]:
        of_pair = np.zeros(len(self._pair), np.int8)
        users = self.user[self._first]
        bounds = np.searchsorted(users, np.arange(len(self.table.users) + 1))  # pairs are sorted by user
        for code, name in enumerate(self.table.users):
            own = np.arange(bounds[code], bounds[code + 1])
            luck = np.random.default_rng([by.seed, zlib.crc32(name.encode("utf-8", "surrogatepass"))]).permutation(
                len(own)
            )
            test, validation = _shares(len(own), by)
            of_pair[own[luck[:test]]] = TEST
            of_pair[own[luck[test : test + validation]]] = VALIDATION
        self.sides = of_pair[self._pair_of]
        return []

    def _last(self, by: Gathering) -> list[str]:
        short = 0
        for start, end in zip(self.starts[:-1], self.starts[1:], strict=True):
            new = start + np.flatnonzero(self.is_first[start:end])
            if len(new) < LEAST_LEFT_OUT:
                short += 1
                continue
            self.sides[new[-2] : new[-1]] = VALIDATION
            self.sides[new[-1]] = TEST
            self.sides[new[-1] + 1 : end] = LEFT_OUT
        alike = (self.user[1:] == self.user[:-1]) & (self.times[1:] == self.times[:-1])  # not where one is not known
        share = alike.sum() / max(1, (self.user[1:] == self.user[:-1]).sum())
        ties = [f"{share:.0%} of neighbouring events have the same time: they stand in the order of the file"]
        few = [f"{short:,} users with fewer than {LEAST_LEFT_OUT} items are in training alone"]
        return [*(ties if alike.any() else []), *(few if short else [])]

    def _time(self, by: Gathering) -> list[str]:
        moments = np.sort(self._moments)
        cuts = [moments[min(len(moments) - 1, int(share * len(moments)))] for share in _until(by)]
        self.sides = np.searchsorted(np.array(cuts), self._moments, "right").astype(np.int8)
        new = np.setdiff1d(self.user[self.sides == TEST], self.user[self.sides < TEST])
        return [f"{len(new):,} users of test have no earlier event: nothing is known of them"] if len(new) else []

    def _lines(self, by: Gathering) -> list[str]:
        luck = np.random.default_rng(by.seed).random(len(self.table.user))[self.row]
        sides = np.where(self.row < by.lines, TEST, np.where(luck < by.validation, VALIDATION, TRAIN)).astype(np.int8)
        self.sides = sides[self._first][self._pair_of]
        if not (self.sides == TRAIN).any():
            raise UserError("data.split.lines leaves no row for training", found=f"{len(self.row):,} rows")
        return [f"the first {by.lines:,} rows are test"]


def _shares(count: int, by: Gathering) -> tuple[int, int]:
    """Return how many of a user's items are test and validation: whole ones, at least one each.

    Users with too few give none. As RecBole divides by users: https://github.com/RUCAIBox/RecBole, data/dataset.
    """
    left, found = count, []
    for share in (by.test, (1 - by.test) * by.validation):
        wanted = int(share * count + 1e-9)
        wanted = wanted + 1 if 0 < share * count < 1 else wanted
        wanted = min(wanted, max(0, left - 1))
        found.append(wanted)
        left -= wanted
    return found[0], found[1]


def _until(by: Gathering) -> tuple[float, float]:
    """Return the shares of all events up to which they are training, and validation."""
    return (1 - by.test) * (1 - by.validation), 1 - by.test


def _filled(table: Interactions) -> np.ndarray:
    """Return the times, of an event without one that of the user's event before it in the file; -inf of the first."""
    order = np.lexsort((np.arange(len(table.user)), table.user))
    times, users = table.times[order], table.user[order]
    known = np.where(np.isnan(times), -1, np.arange(len(times)))
    last = np.maximum.accumulate(known) if len(known) else known
    is_own = (last >= 0) & (users[np.maximum(last, 0)] == users)
    filled = np.empty(len(times))
    filled[order] = np.where(is_own, times[np.maximum(last, 0)], -np.inf)
    return filled


def _is_double(table: Interactions, order: np.ndarray) -> np.ndarray:
    """Return bool[n], in this order: whether an event says the same as one before, time included."""
    cells = [table.user, table.item, table.times, np.nan_to_num(table.ratings, nan=-1e30)]
    rows = np.stack([np.asarray(one[order], np.float64) for one in cells], 1)
    first = np.unique(rows, axis=0, return_index=True)[1] if len(rows) else np.zeros(0, np.int64)
    is_double = np.ones(len(order), bool)
    is_double[first] = False
    return np.asarray(is_double & ~np.isnan(table.times[order]))
