from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batch.given import job_of
from noria.batch import shards
from noria.batch.assembly import finish_cancelled, may_write, write_output
from noria.batch.job import CANCELLED, DONE, FAILED, RUNNING, Job, find_job, run_again, set_state
from noria.batch.names import release_the_dead, worker_name
from noria.batch.progress import progress_of
from noria.batch.shards import Shard, claim, leave_out, release, renew, store
from noria.batch.tables import batch_database
from noria.batch.worker import Worker, fail
from noria.database import Database
from noria.database.connection import Connection, Unavailable
from noria.database.postgres import PostgreSQLConnection
from noria.database.sqlite import SQLiteConnection
from noria.errors import UserError
from noria.ledger import About, Entry

_numbers = itertools.count()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = batch_database(database_url)
    yield database
    database.close()


def entry_of(shard: Shard) -> Entry:
    about = About(job=shard.job, activity="batch")
    return Entry(f"batch:{shard.job}:{shard.n}", 1.8e9, about, {"predictions": shard.num_rows})


def answer(database: Database, shard: Shard, num_bad: int = 0) -> bool:
    """Store answers that say which row they are of; the last ones are none."""
    lines = [{"where": f"in.csv:{shard.first_row + i}", "value": i} for i in range(shard.num_rows - num_bad)]
    lines += [{"where": "in.csv:?", "error": "is broken"} for _ in range(num_bad)]
    return store(database, shard, [json.dumps(one) + "\n" for one in lines], num_bad, entry_of(shard))


def claimed(database: Database, job: Job, worker: str = "") -> Shard:
    worker = worker or f"worker {next(_numbers)}"
    shard = claim(database, job.id, worker)
    assert shard is not None
    return shard


def set_lease(database: Database, seconds: float) -> None:
    statement = "update batch_shard set lease_until = ? where state = 'waiting'"
    database.transact(lambda to: to.run(statement, to.now() + seconds))


def booked(database: Database, job: Job) -> int:
    found = database.transact(
        lambda to: to.run("select sum(amount) from total where name = 'predictions' and job = ?", job.id)
    )
    return int(found[0][0] or 0)


def test_shards_are_claimed_in_order_and_each_once(database: Database, tmp_path: Path) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [3, 2, 2])
    found = [claimed(database, job, worker) for worker in ("one", "two", "three")]
    assert [(one.n, one.first_row, one.num_rows, one.attempt) for one in found] == [
        (0, 1, 3, 1),
        (1, 4, 2, 1),
        (2, 6, 2, 1),
    ]
    assert claim(database, job.id, "four") is None


def test_a_claim_whose_reply_got_lost_is_made_again_and_not_another(database: Database, tmp_path: Path) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [3, 2])
    assert [claimed(database, job, "one").n for _ in range(2)] == [0, 0]


def test_many_threads_claim_every_shard_once(database: Database, tmp_path: Path) -> None:
    job, found = job_of(database, tmp_path / "out.jsonl", [1] * 40), []

    def work(name: str) -> None:
        while (shard := claim(database, job.id, name)) is not None:
            answer(database, shard)
            found.append(shard.n)
        database.close()

    threads = [threading.Thread(target=work, args=(f"worker {i}",)) for i in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(found) == list(range(40))
    assert booked(database, job) == 40


@pytest.mark.parametrize("seconds", [-1.0, 1e6], ids=["ended", "the clock was set back"])
def test_a_lease_that_has_ended_or_ends_too_late_is_no_claim(
    database: Database, tmp_path: Path, seconds: float
) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [3])
    claimed(database, job)
    assert claim(database, job.id, "two") is None
    set_lease(database, seconds)
    assert claimed(database, job, "two").attempt == 2


def test_a_lease_that_is_renewed_stays(database: Database, tmp_path: Path) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [3])
    claimed(database, job, "one")
    set_lease(database, 1e6)
    renew(database, "one")
    assert claim(database, job.id, "two") is None


def test_what_a_dead_worker_had_is_free_at_once_and_a_stopped_one_is_not_blamed(
    database: Database, tmp_path: Path
) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [3])
    claimed(database, job, "one")
    release(database, "one")
    assert claimed(database, job, "two").attempt == 2
    release(database, "two", is_to_blame=False)
    assert claimed(database, job, "three").attempt == 2


def test_processes_of_this_machine_that_are_no_more_lose_their_claims(database: Database, tmp_path: Path) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [3, 3])
    claimed(database, job, worker_name(os.getpid()) + "0")
    claimed(database, job, worker_name(os.getpid()))
    release_the_dead(database)
    assert claimed(database, job, "three").n == 0
    assert claim(database, job.id, "four") is None


def test_processes_that_this_one_cannot_see_keep_their_claims(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [3])
    claimed(database, job, worker_name(os.getpid()) + "0")
    real = os.readlink
    monkeypatch.setattr("noria.batch.names.os.readlink", lambda path: "another" if "user" in path else real(path))
    release_the_dead(database)
    assert claim(database, job.id, "two") is None


def test_a_shard_that_two_workers_answer_counts_once(database: Database, tmp_path: Path) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [3])
    first = claimed(database, job)
    set_lease(database, -1.0)
    second = claimed(database, job, "two")
    assert answer(database, second, num_bad=1)
    before = shards.stored(database, job.id, 0)
    assert not answer(database, first)
    assert shards.stored(database, job.id, 0) == before
    assert booked(database, job) == 3
    assert progress_of(database, find_job(database, job.id)).num_bad == 1


def test_who_stored_a_shard_is_told_so_though_the_reply_got_lost(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard, lost = claimed(database, job_of(database, tmp_path / "out.jsonl", [3])), []
    for kind in (SQLiteConnection, PostgreSQLConnection):

        def commit(connection: Connection, real: Callable[[Connection], None] = kind.commit) -> None:
            real(connection)
            if not lost:
                lost.append(connection)
                raise Unavailable("the reply got lost")

        monkeypatch.setattr(kind, "commit", commit)
    assert answer(database, shard)
    assert len(lost) == 1


def test_the_output_is_written_by_one_once_all_is_answered(database: Database, tmp_path: Path) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [2, 3])
    one, two = claimed(database, job), claimed(database, job)
    answer(database, two, num_bad=1)
    assert not may_write(database, job.id, "one")
    answer(database, one)
    assert may_write(database, job.id, "one")
    assert not may_write(database, job.id, "two")
    write_output(database, job)
    lines = [json.loads(line) for line in job.out.read_text("utf-8").splitlines()]
    assert [one.get("where") for one in lines] == [f"in.csv:{i}" for i in ("1", "2", "3", "4", "?")]
    assert [json.loads(line) for line in job.errors.read_text("utf-8").splitlines()] == [
        {"row": 5, "where": "in.csv:?", "error": "is broken"}
    ]
    assert find_job(database, job.id).state == DONE
    assert database.transact(lambda to: to.run("select count(*) from batch_result where job = ?", job.id)) == [(0,)]
    assert sorted(one.name for one in tmp_path.iterdir() if "out" in one.name) == [
        "out.jsonl",
        "out.jsonl.errors.jsonl",
    ]
    assert not may_write(database, job.id, "two")


def test_a_batch_whose_workers_are_gone_tells_no_time_that_is_left(database: Database, tmp_path: Path) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [3, 3, 3])
    answer(database, claimed(database, job))
    database.transact(lambda to: to.run("update batch_shard set finished = finished - 1 where state = 'done'"))
    answer(database, claimed(database, job))
    claimed(database, job, "one")
    database.transact(lambda to: to.run("update batch_job set created = created - 1000"))
    found = progress_of(database, find_job(database, job.id))
    assert found.seconds_left is not None
    assert "no worker" not in str(found)
    set_lease(database, -1.0)
    found = progress_of(database, find_job(database, job.id))
    assert found.seconds_left is None
    assert "no worker at the moment" in str(found)
    assert found.as_json()["has_worker"] is False


def test_a_batch_that_is_cancelled_keeps_what_is_answered_in_its_place(database: Database, tmp_path: Path) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [2, 2, 2, 2])
    first, late, third = claimed(database, job), claimed(database, job), claimed(database, job)
    answer(database, first)
    answer(database, third)
    finish_cancelled(database, job)
    answer(database, late)
    lines = [json.loads(line) for line in job.out.read_text("utf-8").splitlines()]
    assert [one.get("error", one["where"]) for one in lines] == [
        "in.csv:1", "in.csv:2", "cancelled", "cancelled", "in.csv:5", "in.csv:6",
    ]  # fmt: skip
    rows = [json.loads(line)["row"] for line in job.errors.read_text("utf-8").splitlines()]
    assert rows == [3, 4, 7, 8]
    found = progress_of(database, find_job(database, job.id))
    assert (found.job.state, found.num_done, found.num_cancelled, booked(database, job)) == (CANCELLED, 4, 4, 4)
    assert f"without an answer: {job.errors}" in str(found)
    assert found.as_json()["errors"] == str(job.errors)
    finish_cancelled(database, find_job(database, job.id))
    assert find_job(database, job.id).state == CANCELLED


def test_a_batch_that_failed_is_not_worked_at_until_it_goes_on(database: Database, tmp_path: Path) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [2])
    claimed(database, job)
    database.transact(lambda to: set_state(to, job.id, [RUNNING], FAILED, "no input"))
    set_lease(database, -1.0)
    assert claim(database, job.id, "two") is None
    assert find_job(database, job.id).reason == "no input"
    database.transact(lambda to: run_again(to, job.id))
    assert claimed(database, job, "two").attempt == 1


def test_a_cancelled_batch_whose_output_could_not_be_written_still_ends_as_cancelled(
    database: Database, tmp_path: Path
) -> None:
    job = job_of(database, tmp_path / "folder" / "out.jsonl", [2, 2])
    answer(database, claimed(database, job))
    (tmp_path / "folder").write_text("in the way")
    with pytest.raises(UserError):
        finish_cancelled(database, job)
    fail(database, job.id, "cannot be written")
    (tmp_path / "folder").unlink()
    database.transact(lambda to: run_again(to, job.id))
    assert may_write(database, job.id, "two")
    Worker(database, "two", job.id).run()
    assert find_job(database, job.id).state == CANCELLED
    assert job.out.read_text().count("\n") == 2
    assert job.errors.read_text().count("cancelled") == 2


def test_records_that_are_left_out_stay_so_and_the_tries_count_anew(database: Database, tmp_path: Path) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [3])
    shard = leave_out(database, claimed(database, job, "one"), {1: "crashed"})
    leave_out(database, shard, {2: "crashed too"})
    release(database, "one")
    found = claimed(database, job, "two")
    assert (found.crashed, found.attempt) == ({1: "crashed", 2: "crashed too"}, 2)


def test_two_batches_do_not_write_to_one_place(database: Database, tmp_path: Path) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [3])
    with pytest.raises(UserError, match=f"noria batch cancel {job.id}"):
        job_of(database, tmp_path / "out.jsonl", [3])
    finish_cancelled(database, job)
    job_of(database, tmp_path / "out.jsonl", [3])


def test_a_batch_is_found_by_the_beginning_of_its_id(database: Database, tmp_path: Path) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [3])
    assert find_job(database, job.id[:-1]).id == job.id
    with pytest.raises(UserError, match="there is no such batch"):
        find_job(database, "nothing")


def test_who_cancels_keeps_the_lease_of_the_output_while_it_is_written(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(database, tmp_path / "out.jsonl", [2])
    monkeypatch.setattr(shards, "LEASE_SECONDS", 0.01)
    untils: list[float] = []

    def until() -> float:
        found = database.transact(lambda to: to.run("select writer_until from batch_job where id = ?", job.id))
        return float(found[0][0])

    def write(to: Database, written: Job) -> None:
        untils.append(until())
        while len(untils) < 2:
            untils.extend([now] if (now := until()) != untils[0] else [])
        write_output(to, written)

    monkeypatch.setattr("noria.batch.assembly.write_output", write)
    finish_cancelled(database, job)
    assert len(untils) == 2
    assert find_job(database, job.id).state == CANCELLED
