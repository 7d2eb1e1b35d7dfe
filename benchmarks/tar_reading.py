"""A tar of many small files: seconds to list it and to read all of it, peak memory; the standard tarfile beside ours.

    python benchmarks/tar_reading.py [--rounds 7] [--files 20000] [--bytes 300] [--suffix .tar]

tarfile is used as its documentation says for a stream ("r|*"), and once more with the list of members that it keeps let
go. Neither checks what ours does: that the archive ends where it should, that no header claims gigabytes, that names
stay inside. Interleaved, each measurement in a process of its own; memory is what Python holds at most during a second
pass that is not timed.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from measuring import machine

from noria.sources.core.limits import Limits
from noria.sources.core.tar_members import tar_members


def main() -> None:
    """Write the archive, measure all sides in turn, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--bytes", type=int, default=300)
    parser.add_argument("--suffix", default=".tar", choices=[".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)  # side, what, archive: one measurement, as JSON
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(*arguments.one)))
        return
    print(f"{machine()}\n{arguments.files:,} files of {arguments.bytes} bytes in a {arguments.suffix}\n")
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / f"files{arguments.suffix}"
        write(archive, arguments.files, arguments.bytes)
        found: dict[tuple[str, str], list[list[float]]] = {}
        for _ in range(arguments.rounds):
            for what in ("list", "read"):
                for side in SIDES:
                    command = [sys.executable, __file__, "--one", side, what, str(archive)]
                    done = subprocess.run(command, check=True, capture_output=True, text=True)
                    found.setdefault((what, side), []).append(json.loads(done.stdout))
    print("| | seconds, median (range) | times ours | MB at most |\n|---|---|---|---|")
    for (what, side), rounds in found.items():
        seconds, megabytes = zip(*rounds, strict=True)
        median = statistics.median(seconds)
        times = median / statistics.median([one[0] for one in found[what, "ours"]])
        spread = f"{median:.2f} ({min(seconds):.2f}-{max(seconds):.2f})"
        print(f"| {what}, {side} | {spread} | {times:.2f} | {statistics.median(megabytes):.1f} |")


def measured(side: str, what: str, archive: str) -> tuple[float, float]:
    """Return the seconds of one pass over the archive, and the megabytes that another one takes."""
    start = time.perf_counter()
    SIDES[side](Path(archive), what == "read")
    seconds = time.perf_counter() - start
    tracemalloc.start()
    SIDES[side](Path(archive), what == "read")
    return seconds, tracemalloc.get_traced_memory()[1] / 1e6


def ours(archive: Path, is_read: bool) -> None:
    """Go through the archive with our reader."""
    for _ in tar_members(archive, lambda name: is_read, Limits()):
        pass


def standard(archive: Path, is_read: bool, is_kept: bool = True) -> None:
    """Go through the archive with tarfile."""
    with tarfile.open(archive, "r|*") as members:
        for info in members:
            if is_read and (file := members.extractfile(info)):
                file.read()
            if not is_kept:
                members.members.clear()


def write(archive: Path, num_files: int, num_bytes: int) -> None:
    """Write files of random bytes in ten folders."""
    generator = random.Random(0)
    kinds = {".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}
    with tarfile.open(archive, kinds.get(archive.suffix, "w")) as out:  # type: ignore[call-overload]
        for index in range(num_files):
            info = tarfile.TarInfo(f"train/{index % 10}/{index}.png")
            info.size = num_bytes
            out.addfile(info, io.BytesIO(generator.randbytes(num_bytes)))


SIDES: dict[str, Callable[[Path, bool], None]] = {
    "ours": ours,
    "tarfile": standard,
    "tarfile, members let go": lambda archive, is_read: standard(archive, is_read, is_kept=False),
}

if __name__ == "__main__":
    main()
