"""Commands that go on beside a test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

Background: TypeAlias = "Callable[..., subprocess.Popen[bytes]]"


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Background]:
    """A function: words of a command -> its process, which ends with the test; what they say is in the file `said`."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: object) -> subprocess.Popen[bytes]:
        listening = ["env", "--default-signal=INT"]  # also where the tests were started so that they do not
        command = [*listening, sys.executable, "-m", "noria.cli", *map(str, words)]
        with (tmp_path / "said").open("ab") as said:
            started.append(subprocess.Popen(command, stdout=said, stderr=said))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait()
