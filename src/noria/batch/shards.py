"""Which worker does which shard: claims with a lease, results that are taken once however often they come.

A claim counts before the work begins, so that what kills its worker is seen. Read next: worker.py.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from noria.batch.job import RUNNING
from noria.database import Database, Transaction
from noria.errors import UserError
from noria.ledger import Entry, book
from noria.ledger.answers import Chunk, keep

LEASE_SECONDS = 60.0  # that a worker which says nothing keeps its shard for; one that lives renews it
TOO_LATE_SECONDS = 2 * LEASE_SECONDS  # from now: no lease ends then; twice, as others may have read the clock later
PAGE = 1000  # shards that are listed at once
FAST = 1  # the level of zlib: a worker has better things to do


@dataclass(frozen=True)
class Shard:
    """A stretch of records: `n` counts from 0 over all inputs, `first_row` from 1.

    attempt: how often it was claimed, with this time. crashed: its records, by place from 0, that kill whoever reads
    them, and how.
    """

    job: str
    n: int
    first_row: int
    num_rows: int
    attempt: int
    crashed: Mapping[int, str] = field(default_factory=dict)


def claim(database: Database, job: str, worker: str) -> Shard | None:
    """Take the first shard that nobody works at; None where there is none.

    A worker has one at a time: what it holds already, because the reply to its claim got lost, is free to it. A lease
    that ends later than any lease can is as good as ended: the clock was set back since.
    """

    def work(transaction: Transaction) -> list[tuple[Any, ...]]:
        now = transaction.now()
        free = (
            "select s.n from batch_shard s where s.job = ? and s.state = 'waiting' "
            "and (s.lease_until < ? or s.lease_until > ? or s.worker = ?) "
            f"and exists (select 1 from batch_job j where j.id = s.job and j.state = '{RUNNING}') "
            f"order by s.n limit 1 {transaction.skip_locked}"
        )
        statement = (
            "update batch_shard set worker = ?, lease_until = ?, attempt = attempt + 1 "
            f"where job = ? and n in ({free}) returning job, n, first_row, num_rows, attempt, crashed"
        )
        values = (worker, now + LEASE_SECONDS, job, job, now, now + TOO_LATE_SECONDS, worker)
        return transaction.run(statement, *values)

    return next((_shard(*row) for row in database.transact(work)), None)


def has_free(database: Database, job: str, worker: str) -> bool:
    """Say whether a shard waits that no other works at."""
    statement = (
        "select 1 from batch_shard where job = ? and state = 'waiting' "
        "and (lease_until < ? or lease_until > ? or worker = ?)"
    )

    def work(transaction: Transaction) -> bool:
        now = transaction.now()
        return bool(transaction.run(f"{statement} limit 1", job, now, now + TOO_LATE_SECONDS, worker))

    return database.transact(work, writes=False)


def _shard(job: str, n: int, first_row: int, num_rows: int, attempt: int, crashed: str) -> Shard:
    places = {int(place): reason for place, reason in json.loads(crashed).items()}
    return Shard(job, n, first_row, num_rows, attempt, places)


def find_shard(database: Database, job: str, n: int) -> Shard:
    """Return a shard, whoever works at it."""
    statement = "select job, n, first_row, num_rows, attempt, crashed from batch_shard where job = ? and n = ?"
    (row,) = database.transact(lambda transaction: transaction.run(statement, job, n), writes=False)
    return _shard(*row)


def leave_out(database: Database, shard: Shard, crashed: Mapping[int, str]) -> Shard:
    """Note that some more records of a shard kill whoever reads them; without them its tries count anew."""
    every = {**shard.crashed, **crashed}
    statement = "update batch_shard set crashed = ?, attempt = 1 where job = ? and n = ? and state = 'waiting'"
    database.transact(lambda transaction: transaction.run(statement, json.dumps(every), shard.job, shard.n))
    return replace(shard, crashed=every, attempt=1)


def renew(database: Database, worker: str) -> None:
    """Keep what a worker has claimed for another while."""

    def work(transaction: Transaction) -> None:
        until = transaction.now() + LEASE_SECONDS
        shards = "update batch_shard set lease_until = ? where worker = ? and state = 'waiting' and lease_until > 0"
        transaction.run(shards, until, worker)
        transaction.run("update batch_job set writer_until = ? where writer = ? and writer_until > 0", until, worker)

    database.transact(work)


@contextmanager
def leases_kept(database: Database, worker: str) -> Iterator[None]:
    """Renew what a worker has claimed, in a thread of its own."""
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(LEASE_SECONDS / 4):
            with suppress(UserError):  # it stays away: the worker itself finds out
                renew(database, worker)
        database.close()  # this thread's connection

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def release(database: Database, worker: str, is_to_blame: bool = True) -> None:
    """Let others have what a worker had claimed that is no more. is_to_blame: what it worked at may have killed it."""

    def work(transaction: Transaction) -> None:
        forgiven = "" if is_to_blame else ", attempt = attempt - 1"
        held = "where worker = ? and state = 'waiting' and lease_until > 0"
        transaction.run(f"update batch_shard set lease_until = 0{forgiven} {held}", worker)
        transaction.run("update batch_job set writer_until = 0 where writer = ?", worker)

    database.transact(work)


def store(
    database: Database, shard: Shard, lines: Sequence[str], num_bad: int, entry: Entry, kept: Chunk | None = None,
    seen: tuple[bytes, str] | None = None,
) -> bool:  # fmt: skip
    """Keep the answers of a shard and book what they cost, both or neither; say whether these are those that count.

    Whoever comes second, or once the batch was cancelled, changes nothing.
    kept: the answers once more, for feedback, where they are worth something: that is booked too. seen: what is kept of
    some records to watch the model by, and why it is not all.
    """
    answers = zlib.compress("".join(lines).encode(), FAST)
    done = "update batch_shard set state = 'done', num_bad = ?, finished = ? where job = ? and n = ?"
    is_first = False

    def work(transaction: Transaction) -> None:
        nonlocal is_first  # it stays so where the reply got lost, and this is run again
        now = transaction.now()
        if transaction.run(f"{done} and state = 'waiting' returning n", num_bad, now, shard.job, shard.n):
            is_first = True
            insert = "insert into batch_result values (?, ?, ?) on conflict do nothing"
            transaction.run(insert, shard.job, shard.n, answers)
            if seen is not None:
                insert = "insert into batch_seen values (?, ?, ?, ?) on conflict do nothing"
                transaction.run(insert, shard.job, shard.n, *seen)
            if kept is not None:
                keep(transaction, kept)
            book(transaction, [entry] if kept is None else [entry, kept.entry()])

    database.transact(work)
    return is_first


def stored(database: Database, job: str, n: int) -> list[str] | None:
    """Return the lines of a shard's answers; None where there are none."""
    statement = "select answers from batch_result where job = ? and n = ?"
    rows = database.transact(lambda transaction: transaction.run(statement, job, n), writes=False)
    if not rows:
        return None
    # Of bytes: a text would be divided at U+0085 and U+2028 too, which may stand within an answer.
    return [line.decode() for line in zlib.decompress(bytes(rows[0][0])).splitlines(keepends=True)]


def shards_of(database: Database, job: str) -> Iterator[tuple[int, int, int, str]]:
    """Yield number, first row, number of rows and state of each shard, in order, a few at a time."""
    after = -1
    while rows := _page(database, job, after):
        yield from rows
        after = rows[-1][0]


def _page(database: Database, job: str, after: int) -> list[tuple[int, int, int, str]]:
    statement = "select n, first_row, num_rows, state from batch_shard where job = ? and n > ? order by n limit ?"
    rows = database.transact(lambda transaction: transaction.run(statement, job, after, PAGE), writes=False)
    return [(n, first, count, state) for n, first, count, state in rows]
