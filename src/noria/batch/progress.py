"""How far a job is: what is answered, how fast, and how long the rest takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noria.batch.job import CANCELLED, DONE, RUNNING, Job
from noria.batch.shards import LEASE_SECONDS
from noria.database import Database, Transaction
from noria.drift.assessment import Assessment
from noria.ledger.booking import SUM, joined
from noria.ledger.entry import COSTS, MICRO
from noria.store.object_store import with_addresses
from noria.units import duration

RECENT_SECONDS = 300.0  # over which the rate is taken


@dataclass(frozen=True)
class Progress:
    """Counts of rows by what became of them; the rate of the last minutes, in rows a second, where there is one.

    has_worker: a process has claimed a part of it and still lives, as far as leases tell; or it was just submitted.
    """

    job: Job
    num_done: int
    num_bad: int
    num_cancelled: int
    rows_per_second: float | None
    micro_cost: int
    currency: str
    waits_for: str
    has_worker: bool = True

    @property
    def seconds_left(self) -> float | None:
        """Return how long the rest takes at this rate."""
        left = self.job.num_rows - self.num_done - self.num_cancelled
        is_at_work = self.has_worker and self.job.state == RUNNING
        return left / self.rows_per_second if self.rows_per_second and is_at_work else None

    @property
    def watched(self) -> dict[str, Any] | None:
        """Return what the records showed beside the model's calibration split; None until the batch is over."""
        found: dict[str, Any] | None = json.loads(self.job.watched) if self.job.watched else None
        return found

    @property
    def told(self) -> str:
        """Return all of it for a person, with what its records showed."""
        watched = self.watched or {}
        found, note = watched.get("assessment"), watched.get("note")
        lines = [str(Assessment.from_json(found))] if found else []
        return "\n".join([str(self), *lines, *([f"watched: {note}"] if note else [])])

    @property
    def errors(self) -> Path | None:
        """Return the file that tells why records have no answer, once it is written; None where each has one."""
        is_told = self.job.state in (DONE, CANCELLED) and (self.num_bad or self.num_cancelled)
        return self.job.errors if is_told else None

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        job = self.job
        return {
            "id": job.id, "state": job.state, "reason": with_addresses(job.reason), "run": job.asked.run,
            "inputs": list(map(with_addresses, job.asked.inputs)),
            "out": job.shown_out, "errors": str(self.errors) if self.errors else None,
            "created": job.created, "finished": job.finished, "rows": job.num_rows, "done": self.num_done,
            "without_answer": self.num_bad, "cancelled": self.num_cancelled,
            "rows_per_second": self.rows_per_second, "seconds_left": self.seconds_left,
            "cost": self.micro_cost / MICRO, "currency": self.currency, "waits_for": self.waits_for,
            "has_worker": self.has_worker and not job.is_over, "watched": self.watched,
        }  # fmt: skip

    def __str__(self) -> str:
        job = self.job
        parts = [f"{job.id}  {job.state}", f"{self.num_done:,} of {job.num_rows:,} rows"]
        parts += [f"{self.num_bad:,} without an answer"] if self.num_bad else []
        parts += [f"{self.num_cancelled:,} cancelled"] if self.num_cancelled else []
        if job.state == RUNNING and self.rows_per_second and self.seconds_left is not None:
            parts += [f"{self.rows_per_second:,.0f} rows/s", f"{duration(self.seconds_left)} left"]
        parts += [f"{self.micro_cost / MICRO:.2g} {self.currency}"] if self.micro_cost else []
        parts += [f"waits for {self.waits_for}"] if self.waits_for else []
        is_left = not (self.has_worker or self.waits_for or job.is_over)
        parts += ["no worker at the moment"] if is_left else []
        parts += ["drift in its records"] if ((self.watched or {}).get("assessment") or {}).get("alarm") else []
        why = f", without an answer: {self.errors}" if self.errors else ""
        return f"{', '.join(parts)} -> {job.shown_out}{why}" + (f"\n{with_addresses(job.reason)}" if job.reason else "")


def progress_of(database: Database, job: Job) -> Progress:
    """Return how far a job is."""
    counts = (
        "select coalesce(sum(case when state = 'done' then num_rows else 0 end), 0), coalesce(sum(num_bad), 0), "
        "coalesce(sum(case when state = 'cancelled' then num_rows else 0 end), 0) from batch_shard where job = ?"
    )
    recent = (
        "select min(finished), max(finished), sum(num_rows), count(*) from batch_shard where job = ? and finished > ?"
    )
    claimed = "select 1 from batch_shard where job = ? and state = 'waiting' and lease_until > ? limit 1"
    writing = "select 1 from batch_job where id = ? and writer_until > ?"
    cost = f"select currency, {SUM} from total where job = ? and name = ? group by currency"

    def work(transaction: Transaction) -> Progress:
        ((done, bad, cancelled),) = transaction.run(counts, job.id)
        ((first, last, rows, num),) = transaction.run(recent, job.id, transaction.now() - RECENT_SECONDS)
        rate = float(rows) * (num - 1) / num / (last - first) if num > 1 and last > first else None
        paid = transaction.run(cost, job.id, COSTS)
        waits_for = job.when.waits_for() if job.state == RUNNING else ""
        money = (-sum(joined(*parts) for _, *parts in paid), paid[0][0] if paid else "")
        now = transaction.now()
        is_new = now < job.created + LEASE_SECONDS
        has_worker = is_new or any(transaction.run(one, job.id, now) for one in (claimed, writing))
        return Progress(job, int(done), int(bad), int(cancelled), rate, *money, waits_for, has_worker)

    return database.transact(work, writes=False)
