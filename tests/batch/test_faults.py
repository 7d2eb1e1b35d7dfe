"""Whatever fails once, the answers are the same and are booked once: every statement, every touch of the disk."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batch.given import MODEL, SHARD, table
from noria import batch
from noria.batch import worker
from noria.batch.job import run_again
from noria.batch.shards import release
from noria.batch.tables import batch_database
from noria.batch.worker import Worker
from noria.database.connection import Unavailable
from noria.database.sqlite import SQLiteConnection
from noria.errors import EXIT_DISK_FULL, UserError
from noria.pipeline import encoder
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.predict import predict_to

ROWS = SHARD + 88  # two shards


class FailOnce:
    """Fails the n-th call of some functions, before or after it did its work."""

    def __init__(self, n: int, is_done: bool, error: Callable[[], Exception]) -> None:
        self.n, self.is_done, self.error, self.count = n, is_done, error, 0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **named: Any) -> Any:
            self.count += 1
            is_now = self.count == self.n
            if is_now and not self.is_done:
                raise self.error()
            found = function(*words, **named)
            if is_now:
                raise self.error()
            return found

        return call


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, bytes]:
    """The input, and what is to be answered; the model is loaded once."""
    monkeypatch.setattr(encoder, "RECORDS", SHARD)
    data = table(tmp_path / "in.csv", ROWS)
    data.write_text(data.read_text() + "x,x,x,x,typical low\n")
    predict_to(MODEL, [data], tmp_path / "p.jsonl", reporter=Silent())
    predictor = load(MODEL)
    monkeypatch.setattr(worker, "loaded", lambda _: predictor)
    monkeypatch.setattr("noria.batch.submission.load", lambda *_, **__: predictor)
    monkeypatch.setattr("noria.batch.submission.Forecast.see", lambda *_: None)
    return data, (tmp_path / "p.jsonl").read_bytes()


def worked_with(fault: FailOnce, names: list[tuple[Any, str]], data: Path, home: Path) -> tuple[batch.Job, int]:
    """Work at a batch with a fault, and on if a worker died of it; return the job and the exit code of who died."""
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NORIA_HOME", str(home))
        job, _ = batch.submit(MODEL, data, home / "a.jsonl", reporter=Silent())
        assert job.num_shards == 2
        database = batch_database()
        with pytest.MonkeyPatch.context() as broken:
            for owner, name in names:
                broken.setattr(owner, name, fault.around(getattr(owner, name)))
            try:
                Worker(database, "one", job.id).run()
            except UserError as error:
                code = error.exit_code
        release(database, "one")
        failed = batch.state(job.id).job
        if failed.state == batch.FAILED:
            assert "cannot be read" in failed.reason  # the input: a person has a look at it
            database.transact(lambda to: run_again(to, job.id))
        Worker(database, "two", job.id).run()
        job = batch.state(job.id).job
        count = database.transact(lambda to: to.run("select sum(amount) from total where name = 'predictions'"))
        assert count == [(ROWS,)]
        assert database.transact(lambda to: to.run("select count(*) from batch_result")) == [(0,)]
        database.close()
    return job, code


@pytest.mark.parametrize("is_done", [False, True], ids=["before it was done", "after it was done"])
def test_whichever_statement_fails_nothing_is_lost_doubled_or_booked_twice(
    tmp_path: Path, given: tuple[Path, bytes], is_done: bool
) -> None:
    data, expected = given
    for n in itertools.count(1):
        fault = FailOnce(n, is_done, lambda: Unavailable("of the test"))
        job, code = worked_with(fault, [(SQLiteConnection, "run")], data, tmp_path / f"home-{n}")
        assert (job.state, code, job.out.read_bytes()) == (batch.DONE, 0, expected), n
        assert job.errors.read_text().count("\n") == 1
        if fault.count < n:
            break
    assert n > 30


def test_wherever_the_disk_is_full_it_is_told_so_and_the_batch_goes_on(
    tmp_path: Path, given: tuple[Path, bytes]
) -> None:
    data, expected = given
    codes = []
    for n in itertools.count(1):
        fault = FailOnce(n, False, lambda: OSError(errno.ENOSPC, "of the test"))
        touched = [(os, "fsync"), (os, "replace"), (Path, "open"), (Path, "touch"), (Path, "mkdir")]
        job, code = worked_with(fault, touched, data, tmp_path / f"home-{n}")
        assert (job.state, job.out.read_bytes()) == (batch.DONE, expected), n
        assert [one.name for one in job.out.parent.iterdir() if one.name.startswith(".")] == []
        codes.append(code)
        if fault.count < n:
            break
    assert codes.count(EXIT_DISK_FULL) >= 6
    assert {*codes} == {0, EXIT_DISK_FULL}
