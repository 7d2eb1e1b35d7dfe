"""A real server on a real port, as `noria serve` starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECONDS = 240  # after which a server that does not start has failed


@dataclass(frozen=True)
class Served:
    """Where a server listens, and which process does."""

    url: str
    pid: int


@contextmanager
def serving(
    runs: Mapping[str, Path],
    log: Path,
    key: str,
    *options: str,
    python: Path | str = sys.executable,
    env: Mapping[str, str] | None = None,
) -> Iterator[Served]:
    """Serve runs by their names, with a key."""
    named = [f"{name}={run}" for name, run in runs.items()]
    command = [str(python), "-m", "noria.cli", "serve", *named, *options, "--port", "0"]
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, env={**os.environ, **(env or {}), "NORIA_KEY": key}
        )
    try:
        end = time.monotonic() + SECONDS
        while not (found := re.search(r"(http://127\.0\.0\.1:\d+);", log.read_text("utf-8"))):
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.05)
        yield Served(found[1], process.pid)
    finally:
        process.terminate()
        process.wait(60)
