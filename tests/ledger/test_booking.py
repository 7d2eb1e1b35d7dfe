from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.spending import DAY, spent
from noria.database import Database, open_database
from noria.errors import UserError
from noria.ledger import About, Entry, Posting, book
from noria.ledger.booking import find, reverse
from noria.ledger.entry import MOST
from noria.ledger.statement import statement


def totals(database: Database) -> dict[tuple[str, str], int]:
    rows = database.transact(lambda to: to.run("select day, name, sum(amount) from total group by day, name"))
    return {(day, name): int(amount) for day, name, amount in rows}


def test_the_same_key_twice_is_booked_once_within_and_across_transactions(database: Database) -> None:
    assert database.transact(lambda to: book(to, [spent("a"), spent("a"), spent("b", 7)])) == 2
    assert database.transact(lambda to: book(to, [spent("b", 7), spent("c", 1)])) == 1
    found = totals(database)
    assert found[("2026-11-29", "cost:compute")] == 13
    assert found[("2026-11-29", "clearing:cost")] == -13
    assert found[("2026-11-29", "predictions")] == 3


def test_what_is_booked_within_a_transaction_that_fails_is_not_booked(database: Database) -> None:
    def work(to: object) -> None:
        book(to, [spent("a")])  # type: ignore[arg-type]
        raise RuntimeError("after the booking")

    with pytest.raises(RuntimeError, match="after the booking"):
        database.transact(work)
    assert totals(database) == {}


def test_an_entry_that_does_not_sum_to_zero_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="not balanced"):
        Entry("a", DAY, postings=(Posting("cost:compute", 5), Posting("clearing:cost", -4)))
    with pytest.raises(ValueError, match="do not exist"):
        Entry("a", DAY, postings=(Posting("cost:coffee", 5), Posting("clearing:cost", -5)))


@pytest.mark.parametrize("table", ["entry", "posting"])
@pytest.mark.parametrize("words", ["update {} set key = 'b'", "delete from {}"])
def test_the_database_refuses_to_change_or_remove_what_is_booked(database: Database, table: str, words: str) -> None:
    database.transact(lambda to: book(to, [spent("a")]))
    with pytest.raises(Exception, match="never changed or removed"):
        database.transact(lambda to: to.run(words.format(table)))
    assert database.transact(lambda to: find(to, "a")) == spent("a")


def test_a_reversal_takes_back_what_was_booked_and_twice_is_as_once(database: Database) -> None:
    database.transact(lambda to: book(to, [spent("a", 5), spent("b", 3)]))
    for _ in range(2):
        database.transact(lambda to: reverse(to, "a", DAY))
    assert totals(database)[("2026-11-29", "cost:compute")] == 3
    assert totals(database)[("2026-11-29", "predictions")] == 1
    with pytest.raises(UserError, match="no such entry"):
        database.transact(lambda to: reverse(to, "c", DAY))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=8))
def test_sums_are_those_of_the_postings_whatever_is_booked_how_often(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]
) -> None:
    database = open_database(str(tmp_path_factory.mktemp("ledger") / "a.db"))
    from noria.ledger import SCHEMA

    database.prepare(SCHEMA)
    for batch in batches:
        about = About("digits", client="shop")
        entries = [spent(str(one), one, replace(about, version=str(one % 3))) for one in batch]
        database.transact(lambda to, entries=entries: book(to, entries))
    keys = {one for batch in batches for one in batch}
    rows = database.transact(lambda to: to.run("select account, sum(micro) from posting group by account"))
    summed = {name: amount for (_, name), amount in totals(database).items() if ":" in name}
    assert {name: amount for name, amount in rows if amount} == {name: one for name, one in summed.items() if one}
    assert summed.get("cost:compute", 0) == sum(keys)
    database.close()


def test_many_who_book_the_same_at_once_book_it_once(database: Database) -> None:
    def book_all() -> None:
        for first in range(0, 40, 8):
            entries = [spent(str(one), 1) for one in range(first, first + 8)]
            database.transact(lambda to, entries=entries: book(to, entries))
        database.close()

    threads = [threading.Thread(target=book_all) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert totals(database)[("2026-11-29", "cost:compute")] == 40


def test_killed_while_it_books_nothing_is_half_booked(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("killed") / "a.db"
    program = (
        "import sys; from noria.database import open_database; from noria.ledger import SCHEMA, book\n"
        "from ledger.spending import spent\n"
        "database = open_database(sys.argv[1]); database.prepare(SCHEMA); print('ready', flush=True)\n"
        "for turn in range(10**6):\n"
        "    database.transact(lambda to: book(to, [spent(f'{turn}-{one}', 1) for one in range(50)]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for pause in (0.01, 0.05, 0.13):
        child = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, env=environment)
        assert child.stdout is not None
        child.stdout.readline()
        threading.Event().wait(pause)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        database = open_database(str(path))
        count = database.transact(lambda to: to.run("select count(*) from entry"))[0][0]
        assert count % 50 == 0
        assert totals(database).get(("2026-11-29", "cost:compute"), 0) == count
        database.close()


def test_sums_of_the_largest_amounts_are_exact(database: Database) -> None:
    amounts = [MOST, MOST - 1, -7, 999_999_999, 10**9, -(10**9), -MOST]
    for turn in range(12):
        entries = [spent(f"{turn}-{one}", amount) for one, amount in enumerate(amounts)]
        database.transact(lambda to, entries=entries: book(to, entries))
    (row,) = database.transact(lambda to: statement(to), writes=False)
    assert row.cost == 12 * sum(amounts) > 2**63
