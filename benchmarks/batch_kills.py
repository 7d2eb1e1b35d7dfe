"""A batch whose workers and parents are killed at random: the same bytes as undisturbed, every row booked once.

    python benchmarks/batch_kills.py RUN INPUT [--kills 100] [--workers 2] [--seed 1]

The parent is `noria batch resume`, started again when it is dead; each kill takes it or one of its workers. Compared to
what `noria predict` writes. NORIA_HOME should be a folder of the benchmark's own.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import machine

from noria.batch import state, submit
from noria.batch.tables import batch_database

LONGEST_SECONDS = 1.0  # between two kills, once answers come again


def main() -> None:
    """Work at a batch while its processes are killed; print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("input", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    generator = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.jsonl"
        noria = [sys.executable, "-m", "noria.cli"]
        subprocess.run([*noria, "predict", asked.run, asked.input, "--out", plain], check=True)
        job, _ = submit(asked.run, asked.input, Path(folder) / "batch.jsonl")
        resume = [*noria, "batch", "resume", job.id, "--workers", str(asked.workers)]
        killed, parent = 0, subprocess.Popen(resume)
        while not state(job.id).job.is_over:
            time.sleep(generator.uniform(0, LONGEST_SECONDS))
            if parent.poll() is not None:
                parent = subprocess.Popen(resume)
            elif killed < asked.kills and (victims := [parent.pid, *children(parent.pid)]):
                os.kill(generator.choice(victims), signal.SIGKILL)
                killed += 1
        parent.wait()
        count = "select sum(amount) from total where name = 'predictions' and job = ?"
        ((booked,),) = batch_database().transact(lambda to: to.run(count, job.id))
        is_same = job.out.read_bytes() == plain.read_bytes()
        print(f"{killed} kills, {job.num_rows:,} rows, {int(booked):,} booked, same bytes: {is_same}; {machine()}")


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    return [int(one) for one in found]


if __name__ == "__main__":
    main()
