"""What the tests of batches share: a model, tables for it, a job of no model at all."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

from golden.bundles import FOLDER, read
from noria.batch.giving_way import When
from noria.batch.job import Asked, Job
from noria.batch.submission import write_job
from noria.database import Database

MODEL = FOLDER / "tabular-classification"
SHARD = 512  # records: the model's own batch; fewer are no shard
_numbers = itertools.count()


def table(path: Path, count: int) -> Path:
    """Write a table of the model's own inputs, over and over."""
    records = [one["table"] for one in read(MODEL / "inputs.json")["records"]]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["number", *records[0]])
        writer.writeheader()
        for number in range(count):
            writer.writerow({"number": number, **records[number % len(records)]})
    return path


def job_of(database: Database, out: Path, counts: list[int], when: When | None = None) -> Job:
    """Write a job whose records nobody reads."""
    asked = Asked("runs/none", "digest", ["in.csv"], ["stamp"], str(out))
    identity = f"{next(_numbers):08}0000{out}"
    return database.transact(lambda to: write_job(to, identity, asked, when or When(), counts))[0]
