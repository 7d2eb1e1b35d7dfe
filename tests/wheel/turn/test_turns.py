"""The turns in the database: a step is written once, whichever statement fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from noria.database import Database, Transaction, open_database
from noria.database.connection import Unavailable
from noria.database.sqlite import SQLiteConnection
from noria.ledger import About, Entry
from noria.wheel.turn.turns import NOTHING, Done, Turns


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = open_database(database_url)
    yield database
    database.close()


def two_turns(database: Database) -> list[tuple[Any, ...]]:
    """Take two turns of two steps; return what is then written down, without the times."""
    turns = Turns(database, "a")
    for cost in (3, 5):
        number = turns.begin({"data": ["new.csv"]}).number
        for name, outcome in (("assess", ""), ("decide", NOTHING)):
            entry = Entry(f"wheel/a/{number}/{name}", 0.0, About(job="a"), {"machine_micros": 7})
            turns.write(number, name, Done(name, {"loss": 1}, cost, outcome), [entry])
    found = [
        (one.number, one.outcome, one.asked, *((s.name, s.micro, s.result) for s in one.steps)) for one in turns.all()
    ]
    return [*found, *database.transact(lambda to: to.run("select key, quantities from entry order by key"))]


def test_a_step_that_is_written_twice_stays_the_first(database: Database) -> None:
    turns = Turns(database, "b")
    number = turns.begin({}).number
    assert turns.begin({"other": 1}).number == number
    for sentence in ("first", "second"):
        turns.write(number, "assess", Done(sentence, {}, 1))
    assert [step.sentence for step in turns.all()[0].steps] == ["first"]
    assert Turns(database, "c").all() == []


@pytest.mark.parametrize("times", [[9e8, 9e8, 9e8, 9e8], [1.9e9, 1.8e9, 1.7e9, 9e8]], ids=["stands still", "set back"])
def test_steps_stay_in_their_order_whatever_the_clock_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: list[float]
) -> None:
    turns = Turns(open_database(str(tmp_path / "a.db")), "a")
    number = turns.begin({}).number
    clock = iter(times)
    monkeypatch.setattr(Transaction, "now", lambda _: next(clock))
    names = ["decide", "collect", "assess", "approve"]
    for name in names:
        turns.write(number, name, Done(name, {}))
    assert [step.name for step in turns.all()[0].steps] == names


def test_whichever_statement_fails_the_turns_are_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = two_turns(open_database(str(tmp_path / "undisturbed.db")))
    real, count = SQLiteConnection.run, [0, 0]

    def run(self: SQLiteConnection, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        count[0] += 1
        if count[0] != count[1]:
            return real(self, statement, values)
        if statement == "commit":  # carried out, but the reply got lost
            real(self, statement, values)
        raise Unavailable("the disk is away")

    monkeypatch.setattr(SQLiteConnection, "run", run)
    monkeypatch.setattr("noria.database.database.PAUSES", (0.0, 0.0))
    two_turns(open_database(str(tmp_path / "counted.db")))
    statements = count[0]
    assert statements > 20
    for failing in range(1, statements + 1):
        count[:] = [0, failing]
        assert two_turns(open_database(str(tmp_path / f"{failing}.db"))) == expected
