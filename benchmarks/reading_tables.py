"""A table of a million rows, read: CPU seconds and peak memory, the careful reader and pandas beside ours.

    python benchmarks/reading_tables.py [--rounds 5] [--rows 1000000] [--kind plain] [--format csv]

`ours` goes through all chunks; `ours, all cells` makes a list of Python's str of each column as well, as pandas does
with dtype=str; `careful` is the reader that takes what is not clean, record by record. Of Parquet pandas makes numbers
and dates, as we do. Interleaved, each measurement in a process of its own; seconds are those of the processor from the
first chunk's start, imports not counted; memory is the largest of the process.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measuring import machine

from noria.sources.formats import csv_table
from noria.sources.formats.opening import open_source

CITIES = ["Berlin", "Paris", "New York", "Beijing", "Lagos", "Lima", "Oslo"]


def main() -> None:
    """Write the table, measure all sides in turn, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kind", default="plain", choices=["plain", "quoted"])
    parser.add_argument("--format", default="csv", choices=["csv", "parquet"])
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # side, path: one measurement, as JSON
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(*arguments.one)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        path = written(Path(scratch), arguments.rows, arguments.kind, arguments.format)
        megabytes = path.stat().st_size / 1e6
        print(f"{machine()}\n{arguments.rows:,} rows of 15 columns, {arguments.kind}, {megabytes:.0f} MB\n")
        found: dict[str, list[list[float]]] = {}
        for _ in range(arguments.rounds):
            for side in [side for side in SIDES if arguments.format == "csv" or side != "careful"]:
                command = [sys.executable, __file__, "--one", side, str(path)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found.setdefault(side, []).append(json.loads(done.stdout))
    print("| | CPU seconds, median (range) | times ours | MB per second | MB at most |\n|---|---|---|---|---|")
    ours = statistics.median([one[0] for one in found["ours"]])
    for side, rounds in found.items():
        seconds, most = zip(*rounds, strict=True)
        median = statistics.median(seconds)
        spread = f"{median:.2f} ({min(seconds):.2f}-{max(seconds):.2f})"
        rate = f"{megabytes / median:.0f}"
        print(f"| {side} | {spread} | {median / ours:.1f} | {rate} | {statistics.median(most):.0f} |")


def measured(side: str, path: str) -> tuple[float, float]:
    """Return the CPU seconds of one reading, and the megabytes of the process at most."""
    import pandas  # noqa: F401  so that no side pays for imports
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    start = time.process_time()
    SIDES[side](Path(path))
    return time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ours(path: Path) -> None:
    """Go through the chunks."""
    for _ in open_source(path).rows():
        pass


def all_cells(path: Path) -> None:
    """Go through the chunks and make every cell."""
    for rows in open_source(path).rows():
        for values in rows.columns.values():
            list(values)


def careful(path: Path) -> None:
    """Go through the chunks of the careful reader."""
    csv_table.FAST_FROM = sys.maxsize
    ours(path)


def peer(path: Path) -> None:
    """Read the table with pandas."""
    import pandas

    if path.suffix == ".csv":
        pandas.read_csv(path, dtype=str, keep_default_na=False)
    else:
        pandas.read_parquet(path)


def written(folder: Path, num_rows: int, kind: str, ending: str) -> Path:
    """Write eight numbers, an id, four columns of words, a date and a price; `quoted`: a cell in quotes in each row."""
    generator = random.Random(0)
    path = folder / "table.csv"
    with path.open("w", encoding="utf-8") as out:
        out.write(f"id,{','.join(f'n{i}' for i in range(8))},city,job,day,flag,price,label\n")
        for row in range(num_rows):
            numbers = ",".join(f"{generator.gauss(0, 1):.4f}" for _ in range(8))
            city = generator.choice(CITIES)
            city = f'"{city}, ""{row % 9}"""' if kind == "quoted" else city
            day, flag = f"2024-01-{generator.randrange(1, 29):02d}", generator.choice(["yes", "no"])
            job, price = f"job {generator.randrange(500)}", generator.randrange(10**5) / 100
            out.write(f"{row},{numbers},{city},{job},{day},{flag},{price},{generator.choice('abc')}\n")
    if ending == "csv":
        return path
    import pyarrow.csv
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.csv.read_csv(path), folder / "table.parquet")
    return folder / "table.parquet"


SIDES: dict[str, Callable[[Path], None]] = {
    "ours": ours,
    "ours, all cells": all_cells,
    "careful": careful,
    "pandas": peer,
}

if __name__ == "__main__":
    main()
