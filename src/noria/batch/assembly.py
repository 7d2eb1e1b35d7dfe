"""The output of a job, written whole once all its shards are done: by one process at a time, and as often as need be.

Beside it OUT.errors.jsonl has a line for each record without an answer. What was kept in the database is deleted only
when the job is marked as over. Read next: shards.py, pipeline/sinks.py.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from typing import IO, Any

from noria.batch.answer_files import ANSWER, put_in_place
from noria.batch.job import CANCELLED, CANCELLING, DONE, FAILED, RUNNING, Job, set_state
from noria.batch.names import worker_name
from noria.batch.seen import told as watched
from noria.batch.shards import LEASE_SECONDS, TOO_LATE_SECONDS, leases_kept, release, shards_of, stored
from noria.database import Database, Transaction
from noria.pipeline.sinks import line_of, write_lines
from noria.store.disk import AGAIN_ADVICE, plain_disk_errors, sync_folder, whole_file
from noria.store.object_store import send

BY_CANCELLING = "cancelled"
AT_ONCE = 1000  # results that are deleted in one transaction


def may_write(database: Database, job: str, worker: str) -> bool:
    """Say whether this worker is to write the output: all shards are done, and no other does it."""

    def work(transaction: Transaction) -> bool:
        now = transaction.now()
        statement = (
            "update batch_job set writer = ?, writer_until = ? where id = ? and state in (?, ?) "
            "and (writer_until < ? or writer_until > ? or writer = ?) "
            "and not exists (select 1 from batch_shard where job = ? and state = 'waiting') returning id"
        )
        values = (worker, now + LEASE_SECONDS, job, RUNNING, CANCELLING, now, now + TOO_LATE_SECONDS, worker, job)
        return bool(transaction.run(statement, *values))

    return database.transact(work)


def write_output(database: Database, job: Job) -> None:
    """Write the output and mark the job as over; raise UserError where it cannot be written."""
    told = _Told(database, job)
    place = job.lines_file
    temporary = place.with_name(f".{job.id}-{os.getpid()}{place.suffix}")
    with plain_disk_errors(job.out, AGAIN_ADVICE):
        with whole_file(job.errors) as errors, errors.open("w", encoding="utf-8") as file:
            if job.is_folder or place.suffix.lower() != ".jsonl":
                write_lines(told.answers(file), temporary, job.asked.classes, must_agree=job.asked.keep is not None)
            else:  # they are stored as they are to be written
                with whole_file(temporary) as lines, lines.open("w", encoding="utf-8", newline="") as out:
                    out.writelines(told.lines(file))
        os.replace(temporary, place)
        if not told.num_bad:
            job.errors.unlink()
        sync_folder(place.parent)
    if job.asked.address:
        send(job.out, job.asked.address)
        if job.errors.exists():
            send(job.errors, f"{job.asked.address}.errors.jsonl")
    _close(database, job.id, json.dumps(watched(database, job)))
    for left in place.parent.glob(f".*{job.id}-*.*"):  # of processes that were killed while they wrote
        left.unlink(missing_ok=True)
    shutil.rmtree(job.aside, ignore_errors=True)


class _Told:
    """The answers of a job in order; those that are none are told in a file as well, and counted."""

    def __init__(self, database: Database, job: Job) -> None:
        self._database, self._job, self.num_bad = database, job, 0

    def answers(self, errors: IO[str]) -> Iterator[Mapping[str, Any]]:
        """Yield the answers up to the last shard that was done, and put their files in place."""
        every = map(json.loads, self.lines(errors))
        return put_in_place(self._job, every) if self._job.is_folder else every

    def lines(self, errors: IO[str]) -> Iterator[str]:
        """Yield the lines up to the last shard that was done, as they are stored: of cancelled ones the reason."""
        last = max((n for n, _, _, state in self._shards() if state == "done"), default=-1)
        for n, first, count, state in self._shards():
            for row, line in enumerate(self._lines_of(n, count, state), first):
                if '"error"' in line and "error" in (content := self._content(line)):
                    self.num_bad += 1
                    errors.write(line_of({"row": row, **{key: content[key] for key in ("where", "error")}}))
                if n <= last:
                    yield line

    def _content(self, line: str) -> dict[str, Any]:
        stored: dict[str, Any] = json.loads(line)
        found: dict[str, Any] = stored.get(ANSWER, stored) if self._job.is_folder else stored
        return found

    def _shards(self) -> Iterator[tuple[int, int, int, str]]:
        return shards_of(self._database, self._job.id)

    def _lines_of(self, n: int, count: int, state: str) -> Iterable[str]:
        if state != "done":
            return repeat(line_of({"where": "", "error": BY_CANCELLING}), count)
        lines = stored(self._database, self._job.id, n)
        assert lines is not None, f"the answers of shard {n} are gone"
        return lines


def _close(database: Database, job: str, seen: str) -> None:
    """Mark a job as over, with what its records showed, and delete what was kept for its output."""

    def work(transaction: Transaction) -> None:
        transaction.run(
            "update batch_job set finished = ?, watched = ?, state = case state when ? then ? else ? end where id = ? "
            "and state in (?, ?)",
            transaction.now(), seen, CANCELLING, CANCELLED, DONE, job, RUNNING, CANCELLING,
        )  # fmt: skip

    database.transact(work)
    sweep(database)


def sweep(database: Database) -> None:
    """Delete the answers of jobs that are over, which stand in their outputs, and what was kept to watch by."""
    for table in ("batch_result", "batch_seen"):
        statement = (
            f"delete from {table} where (job, n) in (select r.job, r.n from {table} r join batch_job j "
            "on j.id = r.job where j.state in (?, ?) limit ?) returning n"
        )
        while database.transact(lambda to, statement=statement: to.run(statement, DONE, CANCELLED, AT_ONCE)):  # type: ignore[misc]
            pass


def finish_cancelled(database: Database, job: Job) -> None:
    """Cancel a job that is not over: what is not answered stays so; write the output unless another does."""

    def work(transaction: Transaction) -> None:
        if set_state(transaction, job.id, [RUNNING, FAILED], CANCELLING):
            transaction.run("update batch_shard set state = 'cancelled' where job = ? and state = 'waiting'", job.id)

    database.transact(work)
    writer = worker_name(os.getpid())
    if may_write(database, job.id, writer):
        try:
            with leases_kept(database, writer):
                write_output(database, job)
        finally:
            release(database, writer, is_to_blame=False)
