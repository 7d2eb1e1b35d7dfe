"""The process that poison.py lets die: it reads the records that it is told of, and says how that went.

"0 512" on standard input -> the reason why they cannot be answered on standard output, as JSON, or an empty one
"""

from __future__ import annotations

import json
import os
import sys

from noria.batch.giving_way import give_way
from noria.batch.job import find_job
from noria.batch.shards import Shard, find_shard
from noria.batch.tables import batch_database
from noria.batch.watchdog import Watchdog
from noria.batch.worker import Session


def main(job: str, n: str, crashed: str) -> None:
    """Answer some of the records of a shard after some others, as long as somebody asks."""
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    give_way()
    database = batch_database()
    found = find_job(database, job)
    session = Session(found, Watchdog(found.when.hang_seconds))
    shard = find_shard(database, job, int(n))
    known = {int(place): reason for place, reason in json.loads(crashed).items()}
    for line in sys.stdin:
        first, end = map(int, line.split())
        others = {place: "" for place in range(shard.num_rows) if not first <= place < end}
        told.write(json.dumps(_failure(session, shard, {**others, **known})) + "\n")
        told.flush()


def _failure(session: Session, shard: Shard, but_for: dict[int, str]) -> str:
    try:
        for _ in session.answer(shard, but_for):
            pass
    except Exception as error:  # noqa: BLE001  # whatever it is, a worker would have died of it
        return f"{type(error).__name__}: {error}"
    return ""


if __name__ == "__main__":
    main(*sys.argv[1:])
