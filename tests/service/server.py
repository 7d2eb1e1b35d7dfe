"""A real server on a real port, as `noria serve` starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SECONDS = 240  # after which a server that does not start has failed


@contextmanager
def serving(
    runs: Mapping[str, Path],
    log: Path,
    key: str,
    *options: str,
    python: Path | str = sys.executable,
    env: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Serve runs by their names, with a key; give the address."""
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
        yield found[1]
    finally:
        process.terminate()
        process.wait(60)
