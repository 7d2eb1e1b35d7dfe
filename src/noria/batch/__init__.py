"""Durable batches: masses of records answered by any number of processes, whatever dies meanwhile.

    job, is_old = submit("runs/reviews", ["reviews.csv"], "answers.csv")   # written to the database; nobody works yet
    go_on_alone(job.id)        # workers of its own; or work(job.id) here, or `noria batch work` on any machine
    state(job.id).as_json()    # id, state, rows, done, without_answer, seconds_left, ...
    cancel(job.id)
    for answer in results(job.id): ...   # in the order of the input, once it is over

A job is divided into shards, each of as many records as are encoded at once. A worker claims one in the database with a
lease, answers it and stores the answers and what they cost in one transaction; at the end one of them writes the
output. Every step may be done twice and changes nothing then. Read next: submission.py, shards.py, worker.py,
parent.py, assembly.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.batch.giving_way import When, tell_serving
from noria.batch.job import CANCELLED, CANCELLING, DONE, FAILED, RUNNING, Job, find_job, jobs, run_again
from noria.batch.tables import batch_database
from noria.batch.watchdog import HANG_SECONDS
from noria.errors import UserError

if TYPE_CHECKING:
    from noria.batch.processes import Start
    from noria.batch.progress import Progress
    from noria.database import Database
    from noria.reporter import Reporter

__all__ = [
    "CANCELLED", "CANCELLING", "DONE", "FAILED", "RUNNING", "Job", "batch_database", "cancel", "go_on_alone", "results",
    "state", "states", "submit", "tell_serving", "work", "work_for_all",
]  # fmt: skip


def submit(
    run: str | Path, data: str | Path | Sequence[str | Path], out: str | Path | None = None, *,
    keep: str | None = None, probabilities: int = 100, engine: str | None = None, hours: str = "",
    when_idle: bool = False, hang_seconds: float = HANG_SECONDS, workers: int = 1, reporter: Reporter | None = None,
) -> tuple[Job, bool]:  # fmt: skip
    """Check a batch and write it to the database; return it, and whether it was there before.

    data, out, keep, probabilities, engine: as of `noria predict`; out may be a folder, or subs/*.srt. hours, when_idle:
    when it may be worked at. hang_seconds: after which a worker that has finished no piece counts as one that crashed;
    0: never. workers: for the forecast. Raises UserError for all that can be seen now.
    """
    began = time.monotonic()
    from noria.batch.forecast import Forecast
    from noria.batch.submission import prepare, submit_job

    words = [data] if isinstance(data, str | Path) else data
    when = When(hours, when_idle, hang_seconds)
    predictor, asked = prepare(run, words, out, keep, probabilities, engine)
    forecast = Forecast(predictor, workers, starting_seconds=time.monotonic() - began)
    return submit_job(batch_database(), predictor, asked, when, forecast, reporter)


def work(job: str, workers: int = 1, reporter: Reporter | None = None, is_on_cluster: bool = False) -> Progress:
    """Work at a batch until it is over, a failed one too; return how it ended.

    is_on_cluster: by actors of a Ray cluster, not by processes of this machine.
    """
    from noria.batch.parent import work_through
    from noria.batch.progress import progress_of

    database = batch_database()
    found = _running(job)
    with _starting(database, workers, is_on_cluster) as start:
        return progress_of(database, work_through(database, found, workers, reporter, start))


def work_for_all(workers: int = 1, reporter: Reporter | None = None, is_on_cluster: bool = False) -> None:
    """Work at all batches there are and will be, until stopped."""
    from noria.batch.parent import work_for_all

    database = batch_database()
    with _starting(database, workers, is_on_cluster) as start:
        work_for_all(database, workers, reporter, start)


def go_on_alone(job: str, workers: int = 1, is_on_cluster: bool = False) -> Progress:
    """Let a process of its own, which outlives this one, work at a batch; return how far it is."""
    from noria.batch.processes import log_of

    found = _running(job)
    if not found.is_over:
        words = [sys.executable, "-m", "noria.cli", "batch", "resume", found.id, "--workers", str(workers)]
        words += ["--engine", "ray"] if is_on_cluster else []
        with log_of(found.id).open("ab") as log:
            # By way of a shell that ends at once, so that it is no child of a service, which would have to wait for it.
            alone = ["sh", "-c", '"$@" &', "sh", *words]
            subprocess.run(alone, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, check=True)
    return state(found.id)


def state(job: str) -> Progress:
    """Return how far a batch is."""
    from noria.batch.progress import progress_of

    database = batch_database()
    return progress_of(database, find_job(database, job))


def states() -> list[Progress]:
    """Return how far all batches are, the oldest first."""
    from noria.batch.progress import progress_of

    database = batch_database()
    return [progress_of(database, one) for one in jobs(database)]


def cancel(job: str) -> Progress:
    """End a batch: what is answered is written, every other record stands in the file of errors; say how it is."""
    from noria.batch.assembly import finish_cancelled

    database = batch_database()
    found = find_job(database, job)
    finish_cancelled(database, found)
    return state(found.id)


def results(job: str) -> Iterator[dict[str, Any]]:
    """Yield the answers of a batch that is over, as `noria predict` gives them; raise UserError before that."""
    found = find_job(batch_database(), job)
    if found.state not in (DONE, CANCELLED) or found.lines_file.suffix.lower() != ".jsonl":
        fix = f"noria batch status {found.id}"
        raise UserError("the answers are not written yet, or as a table", where=str(found.out), fix=fix)
    with found.lines_file.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


@contextmanager
def _starting(database: Database, workers: int, is_on_cluster: bool) -> Iterator[Start]:
    """Give what starts workers, here or on a cluster, which is left afterwards."""
    if not is_on_cluster:
        from noria.batch.processes import Child

        yield Child
        return
    from noria.batch.ray_workers import on_cluster
    from noria.cluster import disconnect

    try:
        yield on_cluster(database, workers)
    finally:
        disconnect()


def _running(job: str) -> Job:
    """Return a job that is to go on: one that had failed runs again."""
    database = batch_database()
    found = find_job(database, job)
    database.transact(lambda to: run_again(to, found.id))
    return find_job(database, found.id)
