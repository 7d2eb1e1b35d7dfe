from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.spending import DAY
from noria.database import Database, Transaction
from noria.errors import UserError
from noria.ledger import About, Spool, book
from noria.ledger.answers import Chunk, Finder, Valued, forget_old, keep
from noria.ledger.collecting import BYTES_AT_ONCE, Collected, collect
from noria.ledger.entry import plain
from noria.ledger.feedback import SHOWN, Taken, Truth, give
from noria.ledger.spool import line_of
from noria.ledger.statement import statement

ABOUT = About("digits", "1", "serve", "shop", "serve")


def worth(about: About) -> Any:
    assert about.model == "digits"

    def each(answers: Any, truths: Any) -> Any:
        bad = {index: "is no label" for index, one in enumerate(truths) if one == ""}
        return [500_000 if one == truth else -2_000_000 for one, truth in zip(answers, truths, strict=True)], bad

    return each


def given(database: Database, *truths: tuple[str, Any], client: str | None = None) -> Taken:
    told = [Truth(*one, f"row {row}") for row, one in enumerate(truths, 1)]
    return database.transact(lambda to: give(Finder(to, client), told, worth, DAY))


def chunk(source: str, first: int, answers: list[Any], expected: int = 0, about: About = ABOUT) -> Chunk:
    each = [None if one == "BAD" else [one] for one in answers]
    return Chunk(source, first, DAY, about, Valued("EUR", each, expected))


@pytest.fixture
def answered(database: Database) -> Database:
    """A ledger with the answers to two requests and a batch of two shards."""
    chunks = [
        chunk("request-1", 0, ["seven"], 400_000),
        chunk("batch-1", 0, ["one", "two", "three"], 900_000),
        chunk("batch-1", 3, ["four", None, "BAD"], 100_000),
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
    assert taken["new"] == ["request-1/0", "batch-1/3", "batch-1/1"]
    assert values(answered) == (1_400_000, 500_000 + 500_000 - 2_000_000)


def test_feedback_that_comes_again_is_taken_once_and_what_contradicts_is_told(answered: Database) -> None:
    given(answered, ("batch-1/0", "one"))
    taken = given(answered, ("batch-1/0", "one"), ("batch-1/0", "two"))
    assert (taken["new"], taken["repeated"], taken["conflicting"]) == ([], ["batch-1/0"], ["batch-1/0"])
    assert values(answered)[1] == 500_000
    assert len(taken.sentences()) == 2


@pytest.mark.parametrize(
    "answer_id",
    [
        "batch-1/5", "batch-1/6", "batch-1/-1", "request-2/0", "batch-1", "", "batch-1/x", "/0", "request-1\0/0",
        "\ud800/0", f"batch-1/{10**17}", f"batch-1/{10**18}", "batch-1/٣",
    ],
)  # fmt: skip
def test_ids_of_no_answer_are_told(answered: Database, answer_id: str) -> None:
    assert given(answered, (answer_id, "one"))["unknown"] == [plain(answer_id)]
    assert values(answered)[1] == 0


def test_what_is_not_taken_is_told_with_its_place_and_reason(answered: Database) -> None:
    taken = given(answered, ("batch-1/0", "one"), ("batch-1/1", ""), ("nobody/0", "one"))
    assert not taken.is_whole
    assert taken.as_json()["new"] == 1
    assert [(one["where"], one["what"]) for one in taken.as_json()["not_taken"]] == [
        ("row 3", "unknown"),
        ("row 2", "unreadable"),
    ]
    assert "1 not taken, the label cannot be read: row 2 batch-1/1 (is no label)" in taken.sentences()
    assert given(answered, ("batch-1/1", "two"))["new"] == ["batch-1/1"]


def test_answers_of_models_that_one_may_not_see_are_unknown_kept_or_not(
    answered: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORIA_FEEDBACK_DAYS", "0.5")
    truth = Truth("request-1/0", "seven")
    for _ in range(2):
        taken = answered.transact(lambda to: give(Finder(to), [truth], worth, DAY, lambda model: model != "digits"))
        assert taken["unknown"] == ["request-1/0"]
        answered.transact(forget_old)


def test_a_machine_whose_clock_is_wrong_lets_go_of_nothing(answered: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORIA_FEEDBACK_DAYS", "1e5")
    monkeypatch.setattr("time.time", lambda: 1e12)
    assert answered.transact(forget_old) == 0


def test_the_database_refuses_to_change_or_remove_what_was_told(answered: Database) -> None:
    given(answered, ("batch-1/0", "one"))
    for words in ("update feedback set truth = 'two'", "delete from feedback"):
        with pytest.raises(Exception, match="never changed or removed"):
            answered.transact(lambda to, words=words: to.run(words))


def test_no_answer_has_a_value_as_well(answered: Database) -> None:
    assert given(answered, ("batch-1/4", "one"))["new"] == ["batch-1/4"]
    assert values(answered)[1] == -2_000_000


def test_the_same_id_of_two_clients_or_of_two_models_is_two_answers(answered: Database) -> None:
    other = replace(ABOUT, client="bank")

    def work(to: Transaction) -> None:
        assert keep(to, chunk("request-1", 0, ["one"], 100_000, other))
        book(to, [chunk("request-1", 0, ["one"], 100_000, other).entry()])

    answered.transact(work)
    assert values(answered)[0] == 1_500_000
    assert given(answered, ("request-1/0", "one"))["ambiguous"] == ["request-1/0"]
    assert given(answered, ("request-1/0", "one"), client="bank")["new"] == ["request-1/0"]
    assert given(answered, ("request-1/0", "seven"), client="shop")["new"] == ["request-1/0"]
    assert values(answered)[1] == 1_000_000
    assert given(answered, ("request-1/0", "one"), client="thief")["unknown"] == ["request-1/0"]


def test_other_answers_of_an_id_that_is_there_are_not_kept_and_the_same_are(answered: Database) -> None:
    assert answered.transact(lambda to: keep(to, chunk("request-1", 0, ["seven"])))
    assert not answered.transact(lambda to: keep(to, chunk("request-1", 0, ["eight"])))
    assert given(answered, ("request-1/0", "seven"))["new"] == ["request-1/0"]


def test_answers_are_let_go_after_some_days_and_feedback_that_comes_later_is_told_so(
    answered: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORIA_FEEDBACK_DAYS", "1e5")
    assert answered.transact(forget_old) == 0
    monkeypatch.setenv("NORIA_FEEDBACK_DAYS", "0.5")
    assert answered.transact(forget_old) == 3
    taken = given(answered, ("batch-1/0", "one"), ("never/0", "one"))
    assert (taken["expired"], taken["unknown"]) == (["batch-1/0"], ["never/0"])
    assert given(answered, ("batch-1/0", "one"), client="thief")["unknown"] == ["batch-1/0"]
    monkeypatch.setenv("NORIA_FEEDBACK_DAYS", "a while")
    with pytest.raises(UserError, match="NORIA_FEEDBACK_DAYS"):
        answered.transact(forget_old)


def test_answers_come_through_the_spool_however_long_their_line_is(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORIA_FEEDBACK_DAYS", "1e5")
    many = chunk("request-9", 0, ["a long answer"] * 40_000, 7)
    assert len(line_of(many)) > 2 * BYTES_AT_ONCE
    spool = Spool(tmp_path)
    spool.append([chunk("request-8", 0, ["one"], 5), many, chunk("request-8", 0, ["two"], 5)])
    found = collect(database, tmp_path)
    assert (found.num_entries, found.num_unreadable, found.num_not_kept) == (2, 0, 1)
    spool.close()
    assert collect(database, tmp_path) == Collected()
    assert values(database)[0] == 12
    assert database.transact(lambda to: Finder(to).find("request-9/39999"))[0].answer == "a long answer"


@pytest.mark.parametrize(
    "change",
    [
        {"time": float("nan")},
        {"first": 2**70},
        {"first": -1},
        {"valued": {"currency": "EUR", "answers": [["one"]], "expected_micro": 10**30}},
        {"valued": {"currency": "EUR", "answers": [["one"]], "expected_micro": "many"}},
        {"valued": {"currency": "EUR", "answers": 3, "expected_micro": 5}},
        {"valued": {"currency": None, "answers": [], "expected_micro": 5}},
        {"about": {"model": None}},
        {"source": "\ud800"},
    ],
)
def test_answers_that_no_table_can_hold_do_not_hold_up_those_behind_them(
    database: Database, tmp_path: Path, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORIA_FEEDBACK_DAYS", "1e5")
    odd = {"chunk": chunk("request-1", 0, ["one"]).as_json() | change}
    (tmp_path / "a.jsonl").write_bytes(json.dumps(odd).encode() + b"\n" + line_of(chunk("request-2", 0, ["one"], 7)))
    found = collect(database, tmp_path)
    assert (found.num_entries, found.num_unreadable) == ((2, 0) if "source" in change else (1, 1))
    assert values(database)[0] == 7


def test_answers_of_a_model_whose_name_is_no_text_find_their_feedback(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORIA_FEEDBACK_DAYS", "1e5")
    spool = Spool(tmp_path)
    spool.append([chunk("request-1\0", 0, ["seven"], 7, replace(ABOUT, model="caf\udce9"))])
    spool.close()
    collect(database, tmp_path)
    (found,) = database.transact(lambda to: Finder(to).find("request-1\\0/0"))
    assert (found.answer, found.about.model) == ("seven", "caf\\udce9")


def test_names_that_are_no_text_are_names_of_nothing(answered: Database) -> None:
    for name in ("\0", "\ud800"):
        finder = answered.transact(lambda to, name=name: Finder(to, name, name).find("request-1/0"))
        assert finder == []
        assert answered.transact(lambda to, name=name: statement(to, model=name), writes=False) == []


def test_of_many_truths_that_are_taken_the_first_are_kept_and_all_are_counted() -> None:
    whole = Taken()
    for first in range(0, 30, 10):
        some = Taken()
        for number in range(first, first + 10):
            some.note("new", Truth(f"a/{number}", "yes", f"row {number}"))
            some.note("unknown", Truth(f"b/{number}", "yes", f"row {number}"))
        whole.add(some)
    assert whole["new"] == [f"a/{number}" for number in range(SHOWN)]
    assert whole["unknown"] == [f"b/{number}" for number in range(30)]
    assert (whole.counts["new"], whole.counts["unknown"], whole.is_whole) == (30, 30, False)
    assert whole.sentences()[0].endswith("row 4 a/4 and 25 more")
    assert len(whole.as_json()["not_taken"]) == 30
    assert len(whole.forget("unknown")) == 30
    assert whole.is_whole
