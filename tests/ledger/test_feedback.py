from __future__ import annotations

from typing import Any

import pytest

from ledger.databases import DAY, database, server
from noria.database import Database, Transaction
from noria.ledger import About, book
from noria.ledger.answers import Chunk, keep
from noria.ledger.feedback import Taken, give
from noria.ledger.statement import statement

__all__ = ["database", "server"]
ABOUT = About("digits", "1", "serve", "shop", "serve")


def worth(about: About) -> Any:
    assert about.model == "digits"
    return lambda answer, truth: 500_000 if answer == truth else -2_000_000


def given(database: Database, *truths: tuple[str, Any]) -> Taken:
    return database.transact(lambda to: give(to, truths, worth, DAY))


@pytest.fixture
def answered(database: Database) -> Database:
    """A ledger with the answers to two requests and a batch of two shards."""
    chunks = [
        Chunk("request-1", 0, DAY, ABOUT, "EUR", ["seven"], 400_000),
        Chunk("batch-1", 0, DAY, ABOUT, "EUR", ["one", "two", "three"], 900_000),
        Chunk("batch-1", 3, DAY, ABOUT, "EUR", ["four", None], 100_000),
    ]

    def work(to: Transaction) -> None:
        for one in chunks:
            keep(to, one)
        book(to, [one.entry() for one in chunks])

    for _ in range(2):
        database.transact(work)
    return database


def values(database: Database) -> tuple[int, int]:
    rows = database.transact(lambda to: statement(to, ()), writes=False)
    return sum(one.expected for one in rows), sum(one.realised for one in rows)


def test_feedback_turns_answers_into_realised_value_beside_what_was_expected(answered: Database) -> None:
    assert values(answered) == (1_400_000, 0)
    taken = given(answered, ("request-1/0", "seven"), ("batch-1/3", "four"), ("batch-1/1", "one"))
    assert taken.new == ["request-1/0", "batch-1/3", "batch-1/1"]
    assert values(answered) == (1_400_000, 500_000 + 500_000 - 2_000_000)


def test_feedback_that_comes_again_is_taken_once_and_what_contradicts_is_told(answered: Database) -> None:
    given(answered, ("batch-1/0", "one"))
    taken = given(answered, ("batch-1/0", "one"), ("batch-1/0", "two"))
    assert (taken.new, taken.repeated, taken.conflicting) == ([], ["batch-1/0"], ["batch-1/0"])
    assert values(answered)[1] == 500_000
    assert len(taken.sentences()) == 2


@pytest.mark.parametrize("answer_id", ["batch-1/5", "batch-1/-1", "request-2/0", "batch-1", "", "batch-1/x", "/0"])
def test_ids_of_no_answer_are_told(answered: Database, answer_id: str) -> None:
    assert given(answered, (answer_id, "one")).unknown == [answer_id]
    assert values(answered)[1] == 0
