"""Workers in child processes that are killed, or that a fault stops, in the middle of a batch.

Each is started anew: a fork server that an earlier test of the process used handed out children that never ended.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from batch.given import SHARD


def start(job: str, home: Path, url: str | None = None) -> Any:
    """Start a worker at a job and return its process."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_work, args=(job, str(home), url))
    process.start()
    return process


def _work(job: str, home: str, url: str | None) -> None:
    os.environ["NORIA_HOME"] = home
    from noria.batch.names import worker_name
    from noria.batch.tables import batch_database
    from noria.batch.worker import Worker
    from noria.pipeline import encoder

    encoder.RECORDS = SHARD  # type: ignore[misc]
    Worker(batch_database(url), worker_name(os.getpid()), job).run()


def kill_again_and_again(job: str, home: Path, times: int, workers: int, seed: int, url: str | None = None) -> int:
    """Work at a job while workers are killed at random, then to its end; return how many were killed."""
    from noria.batch.names import release_the_dead
    from noria.batch.tables import batch_database

    generator, database = random.Random(seed), batch_database(url)
    running = [start(job, home, url) for _ in range(workers)]
    killed = 0
    while any(one.exitcode != 0 for one in running):
        time.sleep(generator.uniform(0.0, 0.3) if killed < times else 0.05)
        if killed < times and (alive := [one for one in running if one.exitcode is None]):
            victim = generator.choice(alive)
            os.kill(victim.pid, signal.SIGKILL)
            victim.join()
            killed += victim.exitcode == -signal.SIGKILL
        release_the_dead(database)
        running = [start(job, home, url) if one.exitcode not in (0, None) else one for one in running]
    database.close()
    return killed
