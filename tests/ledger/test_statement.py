from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import pytest

from ledger.spending import DAY, spent
from noria.database import Database, Transaction
from noria.errors import UserError
from noria.ledger import About, Entry, Posting, audit, book, booking
from noria.ledger.audit import check, check_service
from noria.ledger.statement import Row, statement
from noria.report.ledger_page import ledger_page, ledger_text

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


def test_costs_at_prices_that_nobody_stated_are_told_apart(database: Database) -> None:
    entries = [spent("a", 3_000_000), replace(spent("b", 1_000_000), basis="assumed")]
    database.transact(lambda to: book(to, entries))
    (row,) = rows(database)
    assert row.as_json()["assumed"] == 1.0
    assert "25% of the costs are at assumed prices" in ledger_text(["model"], [row])


def test_no_margin_is_made_of_two_currencies(database: Database) -> None:
    database.transact(lambda to: book(to, [spent("s", 5), earned("e", 7, currency="CNY")]))
    found = rows(database)
    assert [(one.currency, one.cost, one.expected) for one in found] == [("CNY", 0, 7), ("EUR", 5, 0)]
    assert [one.as_json()["expected_margin"] for one in found] == [None, None]
    assert "noria ledger prices --write" in ledger_text(["model"], found)


def test_what_another_model_pays_in_takes_no_margin_away(database: Database) -> None:
    about = About("others", activity="train")
    database.transact(lambda to: book(to, [spent("s", 5, about), earned("e", 7, currency="CNY")]))
    found = rows(database)
    assert [one.as_json()["expected_margin"] for one in found] == [7e-6, None]
    assert "several currencies" not in ledger_text(["model"], found)


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


def test_a_check_finds_sums_that_are_not_those_of_the_entries_and_entries_out_of_balance(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(booking, "READ_AT_ONCE", 2)
    entries = [spent("a", 5), spent("b", 6), spent("c", 7), spent("d", 8, About("chat")), spent("e", 9, day=DAY * 1.1)]
    database.transact(lambda to: book(to, entries))
    assert not any(one.wrong for one in database.transact(check, writes=False))
    database.transact(lambda to: to.run("update total set amount = amount + 1 where name = 'predictions'"))
    database.transact(lambda to: to.run("insert into posting values ('c', 'cost:energy', 3)"))
    unbalanced, sums = database.transact(check, writes=False)
    assert unbalanced.wrong == ("c sums to 3",)
    assert len(sums.wrong) == 4
    assert "2026-11-29 predictions digits 1 EUR stated: 4 kept, 3 booked" in sums.wrong
    assert "2026-11-29 cost:energy digits 1 EUR stated: 0 kept, 3 booked" in sums.wrong


def test_a_check_finds_what_is_kept_of_another_model_though_it_is_the_same_in_all(database: Database) -> None:
    database.transact(lambda to: book(to, [spent("a", 5)]))
    database.transact(lambda to: to.run("update total set model = 'chat' where name = 'predictions'"))
    assert len(database.transact(check, writes=False)[1].wrong) == 2


def test_a_check_finds_nothing_wrong_in_what_others_book_meanwhile(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.transact(lambda to: book(to, [spent(f"b{one}") for one in range(9)]))
    monkeypatch.setattr(booking, "READ_AT_ONCE", 2)

    def rows_and_others(to: Transaction) -> Iterator[booking.Row]:
        for row in booking.rows(to):
            if row.key == "b4":
                other = threading.Thread(target=_book_and_close, args=(database,))
                other.start()
                other.join()
            yield row

    monkeypatch.setattr(audit, "rows", rows_and_others)
    assert not any(one.wrong for one in database.transact(check, writes=False))
    assert database.transact(lambda to: to.run("select count(*) from entry"), writes=False) == [(11,)]


def _book_and_close(database: Database) -> None:
    database.transact(lambda to: book(to, [spent("a"), spent("z")]))
    database.close()


def served(number: int, predictions: int, model: str = "digits", process: str = "p") -> Entry:
    return spent(f"serve/{process}/{number}", 5, About(model, activity="serve"), predictions=predictions)


def told(predictions: float, num_entries: int, in_flight: int = 1) -> str:
    return (
        f"http_requests_inprogress {in_flight}\n"
        f'noria_ledger_entries_total{{process="p"}} {num_entries}.0\n'
        f'# TYPE noria_records counter\nnoria_records_total{{model="digits"}} {predictions}\n'
    )


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (told(9, 2), ()),
        (told(10, 2), ("digits predictions: 10 counted, 9 booked",)),
        (told(8, 2), ("digits predictions: 8 counted, 9 booked",)),
        (told(8, 2, in_flight=2), ()),  # an answer is on its way: booked, and not counted yet
        (told(10, 2, in_flight=2), ("digits predictions: 10 counted, 9 booked",)),
        (told(29, 3), ("chat predictions: 0 counted, 1 booked", "digits predictions: 29 counted, 9 booked")),
    ],
)
def test_a_check_finds_what_a_service_counts_and_did_not_book_or_booked_and_did_not_count(
    database: Database, text: str, wrong: tuple[str, ...]
) -> None:
    entries = [served(1, 4), served(2, 5), served(3, 1, "chat"), served(1, 20, process="q")]
    database.transact(lambda to: book(to, entries))
    assert database.transact(lambda to: check_service(to, text), writes=False).wrong == wrong


@pytest.mark.parametrize("text", ["", "<html>", "{", 'up{job="a"} 1\n', 'noria_records_total{model="digits"} 9\n'])
def test_what_are_no_metrics_of_a_service_is_told(text: str) -> None:
    with pytest.raises(UserError, match="not the metrics of a service"):
        check_service(cast(Transaction, None), text)


def test_the_page_draws_each_currency_on_an_axis_of_its_own_and_no_group_that_has_none(database: Database) -> None:
    others = earned("e", 7_000_000, currency="CNY")
    database.transact(lambda to: book(to, [spent("s", 5_000_000, About("chat")), others]))
    page = ledger_page(["model"], rows(database))
    cost, _, value = page.partition('id="expected-value"')
    assert ("in EUR" in cost, "in CNY" in cost) == (True, False)
    assert ("in EUR" in value, "in CNY" in value) == (False, True)
