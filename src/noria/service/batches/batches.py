"""What is known of each batch, and who works on it: a lease that its holder renews, and that ends with a dead one.

    validating -> in_progress -> finalizing -> completed, expired
                                 cancelling -> cancelled          any -> failed

Every function runs within a transaction and changes nothing when it is run twice.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from http import HTTPStatus
from typing import Any

from noria.database import Transaction
from noria.errors import UserError
from noria.service.batches.answer import Answer
from noria.service.batches.files import OPEN, not_here, path_of
from noria.service.request.http_error import HTTPError

LEASE_SECONDS = 15.0  # a holder that did not renew it for so long is dead
LATE_SECONDS = 86_400.0  # after its time: the machine that has its file does not come back
TICK_S = 1e-6  # between two batches of one owner, at least
AGAIN_SECONDS = 60.0  # within which the same request means the same batch
ID = re.compile(r"batch_[0-9a-f]{32}")
MayAsk = Callable[[str, str, str], bool]  # whether an owner may still ask an endpoint of a model
Book = Callable[[Transaction, Sequence[int]], object]
ENDED = ("completed", "failed", "expired", "cancelled")


@dataclass(frozen=True)
class Batch:
    """A batch. token: what the client calls its request. ending: how it is going to end, once that is known.

    turn: its place in the queue: the lowest is next. A count, as two moments may bear the same time.
    """

    id: str
    owner: str
    file: str
    endpoint: str
    model: str
    completion_window: str
    metadata: str
    token: str | None
    fingerprint: str
    status: str
    ending: str | None
    created: float
    expires: float
    started: float | None
    cancelling: float | None
    finalizing: float | None
    ended: float | None
    error: str | None
    total: int
    completed: int
    failed: int
    output_file: str | None
    error_file: str | None
    holder: str | None
    lease: float
    turn: int

    def shown(self) -> dict[str, Any]:
        """Return what a client is told of it."""
        times = {"in_progress_at": self.started, "cancelling_at": self.cancelling, "finalizing_at": self.finalizing}
        times |= {f"{status}_at": self.ended if self.status == status else None for status in ENDED}
        told = {"object": "list", "data": [{"code": "failed", "line": None, "message": self.error, "param": None}]}
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "model": self.model,
            "errors": told if self.error else None,
            "input_file_id": self.file,
            "completion_window": self.completion_window,
            "status": self.status,
            "output_file_id": self.output_file,
            "error_file_id": self.error_file,
            "created_at": int(self.created),
            "expires_at": int(self.expires),
            **{name: None if time is None else int(time) for name, time in times.items()},
            "request_counts": {"total": self.total, "completed": self.completed, "failed": self.failed},
            "metadata": json.loads(self.metadata) or None,
        }


COLUMNS = ", ".join(one.name for one in fields(Batch))
MARKS = ", ".join("?" for _ in fields(Batch))
LAST = "(select coalesce(max(turn), 0) + 1 from openai_batch)"  # the place behind all others


@dataclass(frozen=True)
class Wanted:
    """What a client asks for."""

    owner: str
    file: str
    endpoint: str
    model: str
    completion_window: str
    window_seconds: float
    metadata: Mapping[str, str]
    total: int
    token: str | None


def new_batch_id() -> str:
    """Return an id that nobody guesses."""
    return f"batch_{secrets.token_hex(16)}"


def create(to: Transaction, batch_id: str, wanted: Wanted) -> Batch:
    """Return a new batch, or the one that the same request has made before; raise HTTPError for a token used twice."""
    to.lock("openai_batch")
    metadata = json.dumps(wanted.metadata, sort_keys=True)
    same = json.dumps([wanted.file, wanted.endpoint, wanted.completion_window, metadata])
    now = to.now()
    if wanted.token is not None:
        found = _rows(to, "owner = ? and token = ?", wanted.owner, wanted.token)
        if found and found[0].fingerprint != same:
            error = UserError("another request had this Idempotency-Key", found=found[0].id, fix="take another one")
            raise HTTPError(error, HTTPStatus.CONFLICT, code="idempotency_key_reused")
    else:
        where = f"owner = ? and fingerprint = ? and token is null and created > ? and status in {OPEN}"
        found = _rows(to, where, wanted.owner, same, now - AGAIN_SECONDS)
    if found:
        return found[0]
    ((before,),) = to.run("select max(created) from openai_batch where owner = ?", wanted.owner)
    created = max(now, (before or 0.0) + TICK_S)  # a list has the newest first, and two moments may bear the same time
    new = Batch(
        batch_id, wanted.owner, wanted.file, wanted.endpoint, wanted.model, wanted.completion_window, metadata,
        wanted.token, same, "validating", None, created, now + wanted.window_seconds, None, None, None, None, None,
        wanted.total, 0, 0, None, None, None, 0.0, int(to.run(f"select {LAST}")[0][0]),
    )  # fmt: skip
    to.run(f"insert into openai_batch ({COLUMNS}) values ({MARKS}) on conflict (id) do nothing", *astuple(new))
    return new


def find(to: Transaction, owner: str, batch_id: str) -> Batch:
    """Return a batch; raise HTTPError (404) where the owner has none of that id."""
    found = _rows(to, "id = ? and owner = ?", batch_id, owner) if ID.fullmatch(batch_id) else []
    if not found:
        raise not_here("batch", batch_id)
    return found[0]


def cancel(to: Transaction, owner: str, batch_id: str) -> Batch:
    """Have a batch end with what it has; raise HTTPError (409) where it has ended."""
    batch = find(to, owner, batch_id)
    if batch.status in (*ENDED, "finalizing"):
        error = UserError("the batch cannot be cancelled any more", found=batch.status)
        raise HTTPError(error, HTTPStatus.CONFLICT, code="not_cancelled", param="batch_id")
    if batch.status != "cancelling":
        change = "update openai_batch set status = 'cancelling', cancelling = ?, ending = 'cancelled' where id = ?"
        to.run(change, to.now(), batch_id)
    return find(to, owner, batch_id)


def claim(
    to: Transaction, holder: str, models: Collection[str], is_shared: bool, may_ask: MayAsk = lambda *_: True
) -> Batch | None:
    """Return the batch whose turn it is, of those that nobody holds: as it was before it was claimed.

    holder: a name that no other claim has. models: those that are free to work; a batch that is to be ended needs none,
    nor is may_ask asked of it.
    Where machines share the database, a batch is for the one that has its file; long after its time, to be ended, for
    any.
    """
    now = to.now()
    marks = ", ".join("?" for _ in models) or "null"
    where = (
        f"status in {OPEN} and (lease < ? or lease > ?) "
        f"and (model in ({marks}) or status in ('cancelling', 'finalizing') or expires < ?)"
    )
    values: list[str | float] = [now, now + 2 * LEASE_SECONDS, *models, now]  # further off: the clock has jumped
    # All of them are looked at: those of a machine that is gone must not stand before the others for ever.
    columns = "id, file, expires, status in ('cancelling', 'finalizing'), owner, endpoint, model"
    waiting = to.run(f"select {columns} from openai_batch where {where} order by turn", *values)
    late = now - LATE_SECONDS
    here = (
        str(one)
        for one, file, expires, is_ending, *asked in waiting
        if (not is_shared or expires < late or path_of(file).is_file())
        and (is_ending or expires < now or may_ask(*asked))
    )
    free = (_rows(to, f"id = ? and {where} {to.skip_locked}", one, *values) for one in here)
    mine = next((found[0] for found in free if found), None)
    if mine is None:
        return None
    change = (
        f"update openai_batch set holder = ?, lease = ?, turn = {LAST}, started = coalesce(started, ?), "
        "status = case when status = 'validating' then 'in_progress' else status end where id = ?"
    )
    to.run(change, holder, now + LEASE_SECONDS, now, mine.id)
    return mine


def keep(
    to: Transaction, batch: Batch, holder: str, answers: Sequence[Answer] = (), book: Book = lambda *_: None
) -> Batch | None:
    """Store answers and renew the lease; return the batch as it is now, None where another holds it.

    book: does so in the ledger for those of these lines that had no answer before.
    """
    renew = "update openai_batch set lease = ? where id = ? and holder = ? returning id"
    if not to.run(renew, to.now() + LEASE_SECONDS, batch.id, holder):
        return None
    new = [one for one in answers if _is_new(to, batch, one)]
    failed = sum(one.is_error for one in new)
    to.run(
        "update openai_batch set completed = completed + ?, failed = failed + ? where id = ?",
        len(new) - failed, failed, batch.id,
    )  # fmt: skip
    found = _rows(to, "id = ?", batch.id)[0]
    book(to, [one.number for one in new])
    return found


def release(to: Transaction, batch: Batch, holder: str) -> None:
    """Let others claim it."""
    change = f"update openai_batch set holder = null, lease = 0, turn = {LAST} where id = ? and holder = ?"
    to.run(change, batch.id, holder)


def answered(to: Transaction, batch: Batch) -> set[int]:
    """Return the lines that have an answer."""
    return {int(row[0]) for row in to.run("select line from openai_answer where batch = ?", batch.id)}


def begin_alone(to: Transaction, batch: Batch, line: int) -> int:
    """Note that a line is begun while no other is; return how often it was so without an answer, this time too."""
    write = (
        "insert into openai_suspect values (?, ?, 1) "
        "on conflict (batch, line) do update set tries = openai_suspect.tries + 1 returning tries"
    )
    return int(to.run(write, batch.id, line)[0][0])


def tries(to: Transaction, batch: Batch) -> dict[int, int]:
    """Return how often lines were begun alone."""
    rows = to.run("select line, tries from openai_suspect where batch = ?", batch.id)
    return {int(line): int(count) for line, count in rows}


def end(to: Transaction, batch: Batch, ending: str) -> None:
    """Note how a batch is going to end: from now on its files are written."""
    change = (
        "update openai_batch set ending = ?, finalizing = coalesce(finalizing, ?), "
        "status = case when status = 'in_progress' then 'finalizing' else status end where id = ?"
    )
    to.run(change, ending, None if ending == "cancelled" else to.now(), batch.id)


def page_of_answers(to: Transaction, batch: Batch, after: int, count: int) -> list[tuple[int, bool, bytes]]:
    """Return the answers of the lines that follow, in their order."""
    rows = to.run(
        "select line, is_error, packed from openai_answer where batch = ? and line > ? order by line limit ?",
        batch.id, after, count,
    )  # fmt: skip
    return [(int(line), bool(is_error), bytes(packed)) for line, is_error, packed in rows]


def finish(
    to: Transaction,
    batch: Batch,
    status: str,
    output_file: str | None = None,
    error_file: str | None = None,
    error: str | None = None,
) -> None:
    """Note that a batch has ended, once, and delete the answers, which stand in its files by now."""
    change = (
        "update openai_batch set status = ?, ended = ?, output_file = ?, error_file = ?, error = ?, holder = null "
        f"where id = ? and status in {OPEN}"
    )
    to.run(change, status, to.now(), output_file, error_file, error, batch.id)
    to.run("delete from openai_answer where batch = ?", batch.id)
    to.run("delete from openai_suspect where batch = ?", batch.id)


def _is_new(to: Transaction, batch: Batch, answer: Answer) -> bool:
    write = "insert into openai_answer values (?, ?, ?, ?) on conflict do nothing returning line"
    return bool(to.run(write, batch.id, answer.number, int(answer.is_error), answer.packed))


def _rows(to: Transaction, where: str, *values: str | float) -> list[Batch]:
    return [Batch(*row) for row in to.run(f"select {COLUMNS} from openai_batch where {where}", *values)]
