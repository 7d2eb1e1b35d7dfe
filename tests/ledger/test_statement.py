from __future__ import annotations

import pytest

from ledger.spending import DAY, spent
from noria.database import Database
from noria.errors import UserError
from noria.ledger import About, Entry, Posting, book
from noria.ledger.audit import check, check_service
from noria.ledger.statement import Row, statement

ONE_DAY = 24 * 3600


def earned(key: str, micro: int, account: str = "value:expected", currency: str = "EUR") -> Entry:
    postings = (Posting(account, micro), Posting("clearing:value", -micro))
    return Entry(key, DAY, About("digits", "1", client="shop", activity="serve"), {}, postings, currency, "stated")


def rows(database: Database, *by: str, **more: str) -> list[Row]:
    return database.transact(lambda to: statement(to, by or ("model",), **more), writes=False)


def test_expected_and_realised_value_are_kept_apart_and_each_has_its_margin(database: Database) -> None:
    train = spent("t", 3_000_000, About("digits", activity="train"), seconds=1)
    serve = spent("s", 500_000, About("digits", "1", activity="serve"), predictions=10)
    both = [earned("e", 2_000_000), earned("r", 700_000, "value:realised")]
    database.transact(lambda to: book(to, [train, serve, *both]))
    (row,) = rows(database)
    told = row.as_json()
    assert (told["cost"], told["learning"], told["predictions"]) == (3.5, 3.0, 10)
    assert (told["expected_value"], told["expected_margin"]) == (2.0, -1.5)
    assert (told["realised_value"], told["realised_margin"]) == (0.7, -2.8)
    assert told["break_even_predictions"] == 20  # 3.00 by 0.15 an answer


def test_no_margin_is_made_of_two_currencies(database: Database) -> None:
    database.transact(lambda to: book(to, [spent("s", 5), earned("e", 7, currency="CNY")]))
    assert [(one.currency, one.cost, one.expected) for one in rows(database)] == [("CNY", 0, 7), ("EUR", 5, 0)]


def test_groups_and_days_are_those_that_are_asked_for(database: Database) -> None:
    about = About("digits", client="shop")
    later = spent("b", 7, about, DAY + 2 * ONE_DAY)
    database.transact(lambda to: book(to, [spent("a", 5, about), later, spent("c", 1, About("chat"))]))
    assert [(one.group, one.cost) for one in rows(database, "month", "model")] == [
        ({"month": "2026-11", "model": "chat"}, 1),
        ({"month": "2026-11", "model": "digits"}, 5),
        ({"month": "2026-12", "model": "digits"}, 7),
    ]
    assert [one.cost for one in rows(database, since="2026-11-30")] == [7]
    assert [one.cost for one in rows(database, until="2026-11-29", model="digits")] == [5]
    assert [(one.group["client"], one.cost) for one in rows(database, "client")] == [("", 1), ("shop", 12)]
    with pytest.raises(UserError, match="no such group"):
        rows(database, "modle")


def test_a_check_finds_sums_that_are_not_those_of_the_entries_and_entries_out_of_balance(database: Database) -> None:
    database.transact(lambda to: book(to, [spent("a", 5), spent("b", 6)]))
    assert not any(one.wrong for one in database.transact(check, writes=False))
    database.transact(lambda to: to.run("update total set amount = amount + 1 where name = 'predictions'"))
    database.transact(lambda to: to.run("insert into posting values ('a', 'cost:energy', 3)"))
    unbalanced, sums = database.transact(check, writes=False)
    assert unbalanced.wrong == ("a sums to 3",)
    assert len(sums.wrong) == 2


def test_a_check_finds_what_a_service_counts_and_nobody_booked(database: Database) -> None:
    database.transact(lambda to: book(to, [spent("a", 5, About("digits", activity="serve"), predictions=9)]))
    text = '# TYPE noria_records counter\nnoria_records_total{model="digits"} 9.0\n'
    assert not database.transact(lambda to: check_service(to, text)).wrong
    assert database.transact(lambda to: check_service(to, text.replace("9.0", "10.0"))).wrong
