"""Booking: entries into the tables, each key once, and into the sums that every question is answered from.

    entry    one row each           posting    one row for each account of an entry
    total    by day, name of an account or a quantity, and what it is about: kept in the same transaction;
             billions * 10^9 + amount, as a sum of thousands of the largest amounts is beyond 64 bits

Nothing of `entry` and `posting` is ever changed or removed; the database itself refuses it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from noria.database import Schema, Transaction
from noria.database.connection import Cell
from noria.errors import UserError
from noria.ledger.entry import DIMENSIONS, About, Entry, Posting, plain, values_of

BILLION = 10**9
READ_AT_ONCE = 5000
AT_ONCE = 500  # entries a statement: SQLite takes 32,766 values
_ABOUT = ", ".join(DIMENSIONS)
_ABOUT_TEXT = ", ".join(f"{one} text not null" for one in DIMENSIONS)

SCHEMA = Schema(
    "ledger",
    [
        [
            f"create table entry (key text primary key, time double precision not null, {_ABOUT_TEXT},"
            " currency text not null, basis text not null, quantities text not null)",
            "create table posting (key text not null references entry (key), account text not null,"
            " micro bigint not null, primary key (key, account))",
            f"create table total (day text not null, name text not null, {_ABOUT_TEXT}, currency text not null,"
            " basis text not null, amount bigint not null, billions bigint not null,"
            f" primary key (day, name, {_ABOUT}, currency, basis))",
            "create table spool (name text primary key, bytes bigint not null)",
            "create table answers (source text not null, first bigint not null, count bigint not null,"
            f" time double precision not null, {_ABOUT_TEXT}, currency text not null, data blob not null,"
            " primary key (source, first, client, model))",  # two clients may give one id
            "create index answers_by_time on answers (time)",
            "create table valuing (version text primary key, data blob not null)",
            "create table feedback (id text primary key, truth text not null, time double precision not null)",
        ],
    ],
    append_only=("entry", "posting", "feedback"),
)
_ENTRY_CELLS = 5 + len(DIMENSIONS)
_ADD_TOTAL = (
    f"insert into total values ({', '.join('?' * (_ENTRY_CELLS + 1))})"
    f" on conflict (day, name, {_ABOUT}, currency, basis) do update set amount = total.amount + excluded.amount,"
    " billions = total.billions + excluded.billions"
)
SUM = "sum(billions), sum(amount)"  # of rows of `total`, for `joined`


def book(transaction: Transaction, entries: Iterable[Entry]) -> int:
    """Book entries within a transaction; return how many were new. A key that is booked already changes nothing.

    Best done last in a transaction: until its end, others who book on the same day about the same wait.
    """
    unique = list({one.key: one for one in entries}.values())
    some = [unique[first : first + AT_ONCE] for first in range(0, len(unique), AT_ONCE)]
    new = [one for each in some for one in _insert(transaction, each)]
    postings = [(entry.key, one.account, one.micro) for entry in new for one in entry.postings]
    transaction.run_many("insert into posting values (?, ?, ?)", postings)
    # In one order, so that no two transactions wait for one another.
    sums: list[tuple[Cell, ...]] = [(*name, *_parts(amount)) for name, amount in sorted(totals(new).items()) if amount]
    transaction.run_many(_ADD_TOTAL, sums)
    return len(new)


def _parts(amount: int) -> tuple[int, int]:
    """Return what is below a billion, and the billions, both of one sign: as sums they stay within 64 bits."""
    billions = abs(amount) // BILLION * (1 if amount > 0 else -1)
    return amount - billions * BILLION, billions


def joined(billions: Decimal | int | None, amount: Decimal | int | None) -> int:
    """Return the number that SUM has found."""
    return int(billions or 0) * BILLION + int(amount or 0)


def _insert(transaction: Transaction, entries: Sequence[Entry]) -> list[Entry]:
    """Insert what is not there yet; return it."""
    row = f"({', '.join('?' * _ENTRY_CELLS)})"
    cells = [cell for one in sorted(entries, key=lambda one: one.key) for cell in _row(one)]
    statement = f"insert into entry values {', '.join([row] * len(entries))} on conflict (key) do nothing returning key"
    inserted = {key for (key,) in transaction.run(statement, *cells)}
    return [one for one in entries if one.key in inserted]


def _row(entry: Entry) -> tuple[str | float, ...]:
    quantities = json.dumps(dict(entry.quantities), sort_keys=True, separators=(",", ":"))
    return (entry.key, entry.time, *values_of(entry.about), entry.currency, entry.basis, quantities)


def totals(entries: Iterable[Entry]) -> Counter[tuple[str, ...]]:
    """Return the sums of entries: by day, name, what they are about, currency and basis."""
    found: Counter[tuple[str, ...]] = Counter()
    for entry in entries:
        postings = {one.account: one.micro for one in entry.postings}
        add(found, entry.time, (*values_of(entry.about), entry.currency, entry.basis), postings, entry.quantities)
    return found


def add(found: Counter[tuple[str, ...]], time: float, end: tuple[str, ...], *amounts: Mapping[str, int]) -> None:
    """Add the amounts of one entry to sums. end: what it is about, its currency and its basis."""
    day = day_of(time)
    for each in amounts:
        for name, amount in each.items():
            found[(day, name, *end)] += amount


def day_of(time: float) -> str:
    """Return the day of a time, UTC, as 2026-11-30."""
    return datetime.fromtimestamp(time, UTC).date().isoformat()


class Row(NamedTuple):
    """An entry as the tables have it, be it balanced or not. end: what it is about, its currency and its basis."""

    key: str
    time: float
    end: tuple[str, ...]
    quantities: dict[str, int]
    postings: dict[str, int]


def rows(transaction: Transaction, prefix: str = "") -> Iterator[Row]:
    """Yield all entries, or those whose keys begin with a text that ends with a slash; a few thousand are held."""
    after, before = range_of(prefix) if prefix else ("", None)
    within = "key > ?" if before is None else "key > ? and key < ?"
    some = f"select key, time, quantities, {_ABOUT}, currency, basis from entry where {within} order by key limit ?"
    while found := transaction.run(some, after, *([] if before is None else [before]), READ_AT_ONCE):
        first, after = after, found[-1][0]
        postings: dict[str, dict[str, int]] = defaultdict(dict)
        theirs = "select key, account, micro from posting where key > ? and key <= ?"
        for key, account, micro in transaction.run(theirs, first, after):
            postings[key][account] = int(micro)
        for key, time, quantities, *end in found:
            yield Row(key, float(time), tuple(end), json.loads(quantities), postings[key])


def range_of(prefix: str) -> tuple[str, str]:
    """Return between which two keys those lie that begin with a text that ends with a slash."""
    return prefix, f"{prefix[:-1]}0"  # the sign after the slash


def find(transaction: Transaction, key: str) -> Entry | None:
    """Return the entry of a key."""
    key = plain(key)
    rows = transaction.run(f"select time, {_ABOUT}, currency, basis, quantities from entry where key = ?", key)
    if not rows:
        return None
    time, *about, currency, basis, quantities = rows[0]
    postings = transaction.run("select account, micro from posting where key = ? order by account", key)
    made = tuple(Posting(account, micro) for account, micro in postings)
    return Entry(key, float(time), About(*about), json.loads(quantities), made, currency, basis)


def last_entries(transaction: Transaction, count: int, model: str = "") -> list[Entry]:
    """Return the entries that are newest by their time, the newest last; of one model where it is named."""
    where = "where model = ? " if model else ""
    rows = transaction.run(
        f"select key from entry {where}order by time desc, key desc limit ?", *([plain(model)] if model else []), count
    )
    found = [find(transaction, key) for (key,) in reversed(rows)]
    return [one for one in found if one is not None]


def reverse(transaction: Transaction, key: str, time: float) -> Entry:
    """Book what takes an entry back; twice is as once. Raises UserError where there is no such entry."""
    entry = find(transaction, key)
    if entry is None:
        raise UserError("the ledger has no such entry", found=key, fix="noria ledger entries shows the keys")
    taken_back = entry.reversed(time)
    book(transaction, [taken_back])
    return taken_back
