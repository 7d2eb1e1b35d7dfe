"""The files of a batch that has ended are whole or not there, wherever writing them is broken off, and written once."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from noria import ledger
from noria.database import Database, Transaction, open_database
from noria.service.batches import batches, ending, files
from noria.service.batches.answer import Answer, unanswered
from noria.service.batches.apart import Apart
from noria.service.batches.batches import Batch, Wanted
from noria.service.batches.booked import Bookkeeper
from noria.service.batches.lines import read_line
from noria.service.batches.tables import SCHEMA
from noria.service.request.exchange import Measured
from noria.service.request.limits import Limits
from service.batches.server import line

LINES = 300


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database of each kind."""
    database = open_database(database_url)
    database.prepare(SCHEMA)
    database.prepare(ledger.SCHEMA)
    yield database
    database.close()


def answers(batch: Batch) -> list[Answer]:
    found = []
    for number in range(1, LINES + 1):
        one = read_line(json.dumps(line(number)).encode(), number, Limits())
        found.append(unanswered(batch.id, one, "a", "b" * 100))
    return found


def wanted(token: str | None = None) -> Wanted:
    return Wanted("me", files.new_file_id(), "/v1/embeddings", "vectors", "24h", 60.0, {}, LINES, token)


def claimed(database: Database, holder: str = "one") -> Batch:
    batch = database.transact(lambda to: batches.claim(to, holder, ["vectors"], False))
    assert batch is not None
    return batch


def test_broken_off_anywhere_it_is_written_again_and_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    calls, failing = itertools.count(), 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if next(calls) == failing:
                raise OSError("broken off")
            return real(*given, **named)

        return call

    for owner, name in ((Apart, "run"), (ending.Output, "add"), (ending.Output, "finish"), (files, "place")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    monkeypatch.setattr(ending.files, "know", counted(files.know))
    monkeypatch.setattr(batches, "finish", counted(batches.finish))
    apart = Apart([SCHEMA, ledger.SCHEMA], lambda: database)
    for failing in itertools.count():  # noqa: B007  # which call fails
        new = wanted()
        batch = database.transact(lambda to: batches.create(to, batches.new_batch_id(), new))  # noqa: B023
        claimed(database)
        database.transact(lambda to: batches.keep(to, batch, "one", answers(batch)))  # noqa: B023
        calls = itertools.count()
        is_done = attempt(apart, batch)
        assert len(list((own_home / "files").glob(".tmp-*"))) == 0
        found = database.transact(lambda to: batches.find(to, "me", batch.id))  # noqa: B023
        assert found.status == ("completed" if found.error_file else "in_progress")
        kept = database.transact(lambda to: len(batches.answered(to, batch)))  # noqa: B023
        assert kept == (0 if found.error_file else LINES)  # nobody comes back to what has ended
        if not found.error_file:
            assert attempt(apart, batch)
            found = database.transact(lambda to: batches.find(to, "me", batch.id))  # noqa: B023
        assert found.output_file is None
        told = files.path_of(found.error_file or "").read_text("utf-8").splitlines()
        assert [json.loads(one)["custom_id"] for one in told] == [str(number) for number in range(1, LINES + 1)]
        known = database.transact(lambda to: files.find(to, "me", found.error_file or ""))  # noqa: B023
        assert known.lines == LINES
        if is_done:
            break
    assert failing > 10


def attempt(apart: Apart, batch: Batch) -> bool:
    """Write the files; say whether that was not broken off."""

    async def write() -> bool:
        try:
            await ending.write_files(apart, batch, "one")
        except OSError:
            return False
        finally:
            await apart.close()
        return True

    return asyncio.run(write())


def test_one_whose_lease_another_has_taken_writes_nothing(database: Database, own_home: Path) -> None:
    new = wanted()
    batch = database.transact(lambda to: batches.create(to, batches.new_batch_id(), new))
    claimed(database)
    assert database.transact(lambda to: batches.claim(to, "two", ["vectors"], False)) is None
    database.transact(lambda to: to.run("update openai_batch set lease = 0"))
    assert claimed(database, "two").holder == "one"
    assert database.transact(lambda to: batches.keep(to, batch, "one", answers(batch))) is None
    assert database.transact(lambda to: batches.answered(to, batch)) == set()
    with pytest.raises(ending.Lost):
        attempt(Apart([SCHEMA, ledger.SCHEMA], lambda: database), batch)
    assert list((own_home / "files").iterdir()) == []


def test_a_lease_that_ends_far_in_the_future_is_of_a_clock_that_jumped(database: Database) -> None:
    new = wanted()
    database.transact(lambda to: batches.create(to, batches.new_batch_id(), new))
    claimed(database)
    database.transact(lambda to: to.run("update openai_batch set lease = lease + 86400"))
    claimed(database, "two")


def test_answers_that_come_twice_count_once_and_are_booked_once(database: Database) -> None:
    new = wanted()
    batch = database.transact(lambda to: batches.create(to, batches.new_batch_id(), new))
    claimed(database)
    told = [replace(one, measured=Measured(1, 2, 0.5, own_seconds=0.25)) for one in answers(batch)[:10]]
    for some in (told[:7], told):
        book = Bookkeeper(batch, os.cpu_count() or 1).prepared(some)
        found = database.transact(lambda to: batches.keep(to, batch, "one", some, book))  # noqa: B023
    assert found is not None
    assert (found.completed, found.failed) == (0, 10)
    booked = database.transact(lambda to: to.run("select key, quantities from entry where job = ?", batch.id))
    assert sorted(key for key, _ in booked) == sorted(f"{batch.id}/{number}" for number in range(1, 11))
    assert all(json.loads(quantities)["machine_micros"] == 250_000 for _, quantities in booked)


def test_the_one_that_waited_longest_is_next(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(Transaction, "now", lambda _: now)  # all within one tick of the clock
    new = [wanted(), wanted()]
    made = [database.transact(lambda to: batches.create(to, batches.new_batch_id(), one)) for one in new]  # noqa: B023
    for expected in (*made, *made):
        batch = claimed(database)
        assert batch.id == expected.id
        database.transact(lambda to: batches.release(to, batch, "one"))  # noqa: B023


def test_a_line_is_counted_each_time_that_it_is_begun_alone(database: Database) -> None:
    new = wanted()
    batch = database.transact(lambda to: batches.create(to, batches.new_batch_id(), new))
    for number, tries in ((3, 1), (7, 1), (3, 2)):
        assert database.transact(lambda to: batches.begin_alone(to, batch, number)) == tries  # noqa: B023
    assert database.transact(lambda to: batches.tries(to, batch)) == {3: 2, 7: 1}


def test_where_machines_share_a_database_a_batch_is_for_the_one_that_has_its_file(database: Database) -> None:
    new = wanted()
    database.transact(lambda to: batches.create(to, batches.new_batch_id(), new))
    assert database.transact(lambda to: batches.claim(to, "one", ["vectors"], True)) is None
    database.transact(lambda to: to.run("update openai_batch set expires = ?", time.time() - 3600))
    assert database.transact(lambda to: batches.claim(to, "one", [], True)) is None
    database.transact(lambda to: to.run("update openai_batch set expires = 1"))
    assert database.transact(lambda to: batches.claim(to, "one", [], True)) is not None  # and ended: nobody has it
    for _ in range(40):  # of a machine that is gone, before the one that has its file
        gone = wanted()
        database.transact(lambda to: batches.create(to, batches.new_batch_id(), gone))  # noqa: B023
    new = wanted()
    database.transact(lambda to: batches.create(to, batches.new_batch_id(), new))
    files.path_of(new.file).touch()
    assert database.transact(lambda to: batches.claim(to, "one", ["vectors"], True)) is not None
