"""A process that answers shard after shard, and writes the output where it finds all of them done.

The process that started it holds its standard input: when that ends, so does this one. Read next: shards.py,
reading.py, assembly.py, parent.py.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from noria.batch.answer_files import Aside
from noria.batch.assembly import may_write, write_output
from noria.batch.giving_way import give_way
from noria.batch.job import CANCELLING, FAILED, RUNNING, Job, find_job, jobs, set_state
from noria.batch.names import worker_name
from noria.batch.poison import MOST_DEATHS, poison_of
from noria.batch.reading import Reader
from noria.batch.seen import Seen, has_reference
from noria.batch.shards import Shard, claim, has_free, leases_kept, leave_out, release, store
from noria.batch.tables import batch_database
from noria.batch.watchdog import Watchdog
from noria.database import Database, DatabaseAway
from noria.errors import EXIT_DISK_FULL, UserError
from noria.ledger import About, Entry, Prices
from noria.ledger.answers import Chunk, Valued, Valuing, forget_old, know
from noria.ledger.till import name_of_run
from noria.pipeline import valuing
from noria.pipeline.predictor import Answer, Predictor, load
from noria.pipeline.sinks import DrawnAnswer, drawn_answer, line_of
from noria.stages.predict import lines
from noria.types import Prediction

VERSION_LETTERS = 12  # of a bundle's digest
POLL_SECONDS = 0.5  # between two looks at what others still work at
WATCH_SECONDS = 5.0  # between two looks for jobs, where there is none


class Session:
    """A model and the inputs of one job, as this process has opened them."""

    def __init__(self, job: Job, watchdog: Watchdog | None = None) -> None:
        self.job, self._watchdog = job, watchdog or Watchdog()
        self.predictor = loaded(job)
        self._reader = Reader(self.predictor, job.asked)

    def answer(
        self, shard: Shard, but_for: Mapping[int, str], given: list[Prediction | None] | None = None,
        seen: Seen | None = None,
    ) -> Iterator[DrawnAnswer]:  # fmt: skip
        """Yield a shard's answers; those left out have their reasons instead.

        given: takes the predictions. seen: takes what is kept of some records.
        """
        with self._watchdog:
            piece = self._reader.piece(shard.n, shard.num_rows, self._watchdog.restart)
            answers = self.predictor.answers([piece.encode_but_for(but_for)], seen.see if seen else None)
            if given is not None:
                answers = _noted(answers, given)
            if self.job.is_folder:
                yield from (drawn_answer(self.predictor, one, self.job.out) for one in answers)
            else:
                yield from map(DrawnAnswer, lines(answers, self.job.asked.keep))
            self._reader.check_now_and_then()

    def seen(self, shard: Shard) -> Seen | None:
        """Return what keeps some records of a shard; None where there is nothing to set them beside."""
        return Seen.of(self.predictor, self.job, shard) if has_reference(self.predictor) else None

    def valued(self, predictions: list[Prediction | None]) -> Valued | None:
        """Return answers as they are kept for feedback; None where nothing says what they are worth."""
        worth = self.predictor.worth
        return None if worth is None else valuing.valued(worth, predictions)

    def check(self) -> None:
        """Raise UserError where the input was changed."""
        self._reader.check()


def loaded(job: Job) -> Predictor:
    """Load the model of a job; raise UserError where it is gone, or is another one by now."""
    predictor = load(job.asked.run, engine=job.asked.engine).reading(job.asked.overrides)
    if predictor.bundle.digest != job.asked.digest:
        raise UserError(
            "the model has changed since the batch was submitted",
            where=job.asked.run,
            fix="put back what was there and run noria batch resume, or cancel it and submit it anew",
        )
    return predictor


class Worker:
    """Works at one job until it is over, or at all jobs there are until it is stopped.

    share: of the machine's time that is this worker's, for the ledger. may_end: this process is the worker's own, and
    ends where it hangs.
    """

    def __init__(
        self, database: Database, name: str, job: str | None = None, share: float = 1.0, may_end: bool = False
    ) -> None:
        self._database, self._name, self._job, self._share = database, name, job, share
        self._session: Session | None = None
        self._may_end = may_end
        self._prices = Prices.load()
        self._booked_until = time.monotonic()
        self._carried: dict[str, float] = {}

    def run(self) -> None:
        """Work. Raises UserError where the database, or the disk, stays away."""
        while True:
            found = [find_job(self._database, self._job)] if self._job else self._open_jobs()
            if self._job and found[0].is_over:
                return
            if not any(self._work_at(job) for job in found):  # the oldest first
                time.sleep(POLL_SECONDS if found else WATCH_SECONDS)
                self._booked_until = time.monotonic()

    def _open_jobs(self) -> list[Job]:
        return jobs(self._database, "where state in (?, ?)", RUNNING, CANCELLING)

    def _work_at(self, job: Job) -> bool:
        """Do all shards that are free, and write the output if it is time; say whether anything was done."""
        try:
            has_worked = job.state == RUNNING and self._answer(job)
            if may_write(self._database, job.id, self._name):
                write_output(self._database, job)
                return True
        except UserError as error:
            if isinstance(error, DatabaseAway) or error.exit_code == EXIT_DISK_FULL:
                raise
            self._session = None  # what it was reading may be of what a person now mends
            fail(self._database, job.id, str(error))
            release(self._database, self._name, is_to_blame=False)
            return True
        return has_worked

    def _answer(self, job: Job) -> bool:
        if job.when.waits_for() or not has_free(self._database, job.id, self._name):
            return False
        session, count = self._opened(job), 0
        while not job.when.waits_for() and (shard := claim(self._database, job.id, self._name)) is not None:
            if shard.attempt > MOST_DEATHS and (found := poison_of(shard, job.when.hang_seconds)):
                session.check()  # of an input that has changed nothing is left out
                shard = leave_out(self._database, shard, found)
            given: list[Prediction | None] = []
            seen = session.seen(shard)
            answers = session.answer(shard, shard.crashed, given, seen)
            self._store(job, shard, answers, partial(session.valued, given), seen)
            count += 1
        session.check()
        return count > 0

    def _store(
        self, job: Job, shard: Shard, answers: Iterator[DrawnAnswer],
        valued: Callable[[], Valued | None] = lambda: None, seen: Seen | None = None,
    ) -> None:  # fmt: skip
        """Keep the answers of a shard, those that are files beside the others.

        valued: asked in the end for what feedback needs of them. seen: has in the end what is kept of some records.
        """
        aside, num_bad, written = Aside(job, shard), 0, []
        for one in answers:
            num_bad += one.is_bad
            written.append(aside.line(one) if job.is_folder else line_of(one.content))
        aside.finish()
        now = time.monotonic()
        entry = self._entry(job, shard, num_bad, now - self._booked_until)
        kept = _kept(valued(), shard, entry)
        if store(self._database, shard, written, num_bad, entry, kept, seen.packed() if seen else None):
            self._booked_until = now
        else:  # another was first, or it is over; the time is booked with the next shard
            aside.drop()

    def _entry(self, job: Job, shard: Shard, num_bad: int, spent: float) -> Entry:
        """Return what a shard costs. spent: seconds since the last one was stored, with reading and loading."""
        about = About(name_of_run(job.asked.run), job.asked.digest[:VERSION_LETTERS], job.id, activity="batch")
        micros = round(spent * self._share * 1e6)
        quantities = {"predictions": shard.num_rows - num_bad, "machine_micros": micros}
        return self._prices.entry(f"batch:{job.id}:{shard.n}", time.time(), about, quantities, self._carried)

    def _opened(self, job: Job) -> Session:
        if self._session is None or self._session.job.id != job.id:
            self._session = None  # two models at once may be too much
            self._session = Session(job, Watchdog(job.when.hang_seconds if self._may_end else 0.0))
            if text := valuing.text_of(self._session.predictor.bundle):
                known = Valuing(job.asked.digest[:VERSION_LETTERS], text)
                self._database.transact(lambda to: know(to, known))
                self._database.transact(forget_old)
        return self._session


def _kept(valued: Valued | None, shard: Shard, entry: Entry) -> Chunk | None:
    """Return a shard's answers as feedback finds them: by the job and the row, from 1."""
    if valued is None:
        return None
    valued = replace(valued, currency=valued.currency or entry.currency)
    return Chunk(shard.job, shard.first_row, entry.time, entry.about, valued)


def _noted(answers: Iterable[Answer], given: list[Prediction | None]) -> Iterator[Answer]:
    """Yield the answers, and note what was predicted."""
    for one in answers:
        given.append(one.prediction)
        yield one


def fail(database: Database, job: str, reason: str) -> None:
    """Mark a job as failed, with the reason."""
    database.transact(lambda to: set_state(to, job, [RUNNING, CANCELLING], FAILED, reason))


def end_with_parent() -> None:
    """End this process when the one that started it has ended: the standard input that it holds ends then."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def work(job: str, num_workers: int) -> int:
    """Work at one job, or at all where it is empty, as one of some workers of this machine; return the exit code."""
    give_way()
    database, name = batch_database(), worker_name(os.getpid())
    try:
        with leases_kept(database, name):
            Worker(database, name, job or None, 1 / num_workers, may_end=True).run()
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    end_with_parent()
    sys.exit(work(sys.argv[1], int(sys.argv[2])))
