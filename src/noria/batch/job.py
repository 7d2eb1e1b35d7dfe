"""What a batch is asked for, and how it stands.

running -> done | failed         a failed one is resumed
running -> cancelling -> cancelled | failed
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from noria.batch.giving_way import When
from noria.database import Database, Transaction
from noria.errors import UserError, did_you_mean
from noria.pipeline.sinks import ANSWERS, folder_of, is_each

RUNNING, CANCELLING = "running", "cancelling"
DONE, CANCELLED, FAILED = "done", "cancelled", "failed"
COLUMNS = "id, asked, schedule, state, reason, created, finished, num_rows, num_shards, watched"


@dataclass(frozen=True)
class Asked:
    """What is to be answered by what, and where the answers go. All paths are absolute.

    digest: of the bundle. stamps: of each input. classes: those that have a column in a table. address: of an object
    store, where the answers are sent when they are written.
    """

    run: str
    digest: str
    inputs: Sequence[str]
    stamps: Sequence[str]
    out: str
    overrides: Sequence[str] = ()
    keep: str | None = None
    classes: Sequence[str] = ()
    engine: str | None = None
    address: str = ""

    def as_text(self) -> str:
        """Return it as JSON, always the same text of the same."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True)
class Job:
    """A batch as it stands in the database. reason: why it failed, or what is to be said of it.

    watched: JSON of what its records showed beside the model's calibration split, once it is over.
    """

    id: str
    asked: Asked
    when: When
    state: str
    reason: str
    created: float
    finished: float | None
    num_rows: int
    num_shards: int
    watched: str | None

    @cached_property
    def out(self) -> Path:
        """Return where the answers go."""
        return Path(self.asked.out)

    @cached_property  # it is asked at each answer
    def is_folder(self) -> bool:
        """Say whether answers are files in a folder, and not lines of one file."""
        return is_folder(self.out)

    @property
    def out_folder(self) -> Path:
        """Return the folder where the output goes, or the files that it consists of."""
        return folder_of(self.out) if self.is_folder else self.out.parent

    @property
    def lines_file(self) -> Path:
        """Return the file that has a line for each answer; it is written last."""
        return self.out_folder / ANSWERS if self.is_folder else self.out

    @property
    def aside(self) -> Path:
        """Return where files lie until they have their names: on the same disk, and not where they are sent from."""
        return (self.out_folder.parent if self.asked.address else self.out_folder) / f".{self.id}"

    @property
    def shown_out(self) -> str:
        """Return where whoever asked finds them."""
        return self.asked.address or self.asked.out

    @property
    def errors(self) -> Path:
        """Return where the records without an answer are told, with place and reason; no file where there is none."""
        return errors_of(self.out)

    @property
    def is_over(self) -> bool:
        """Say whether nothing is done any more unless somebody resumes it."""
        return self.state in (DONE, CANCELLED, FAILED)


def errors_of(out: Path) -> Path:
    """Return where the records without an answer are told beside an output."""
    place = folder_of(out) if is_folder(out) else out
    return place.with_name(f"{place.name}.errors.jsonl")


def is_folder(out: Path) -> bool:
    """Say whether a path asks for files in a folder: a folder itself, or subs/*.srt."""
    return not out.suffix or is_each(out)


def jobs(database: Database, where: str = "", *values: str) -> list[Job]:
    """Return the jobs that meet a condition, the oldest first."""
    statement = f"select {COLUMNS} from batch_job {where} order by created, id"
    rows = database.transact(lambda transaction: transaction.run(statement, *values), writes=False)
    return [job_of(row) for row in rows]


def find_job(database: Database, name: str) -> Job:
    """Return a job by its id or the beginning of one; raise UserError where there is none, or several."""
    if found := jobs(database, "where id = ?", name):
        return found[0]
    every = jobs(database)
    found = [one for one in every if name and one.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    ids = [one.id for one in found or every]
    raise UserError(
        "several batches begin so" if found else "there is no such batch",
        where=database.where,
        found=name,
        expected=", ".join(ids[-5:]) or "noria batch submit RUN INPUT, to begin one",
        fix=did_you_mean(name, ids) or "noria batch list",
    )


def set_state(transaction: Transaction, job: str, before: Sequence[str], after: str, reason: str = "") -> bool:
    """Bring a job from one of some states to another; say whether it was in one of them."""
    marks = ", ".join("?" * len(before))
    is_over = after in (DONE, CANCELLED, FAILED)
    finished = transaction.now() if is_over else None
    statement = f"update batch_job set state = ?, reason = ?, finished = ? where id = ? and state in ({marks})"
    return bool(transaction.run(f"{statement} returning id", after, reason, finished, job, *before))


def run_again(transaction: Transaction, job: str) -> None:
    """Let a job that failed go on, one that was being cancelled with that; its shards have all their tries again."""
    cancelled = transaction.run("select 1 from batch_shard where job = ? and state = 'cancelled' limit 1", job)
    if set_state(transaction, job, [FAILED], CANCELLING if cancelled else RUNNING):
        transaction.run("update batch_shard set attempt = 0 where job = ? and state = 'waiting'", job)


def job_of(row: Sequence[Any]) -> Job:
    """Return a row of COLUMNS as a job."""
    return Job(row[0], Asked(**json.loads(row[1])), When(**json.loads(row[2])), *row[3:])
