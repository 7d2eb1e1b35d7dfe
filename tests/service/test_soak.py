"""Two minutes of load, reloads, killed and stopped processes, and hostile clients: no wrong answer, nothing lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MINUTES = 2.0
MOST_GROWTH = 8.0  # MiB a minute: buffers still find their size; `make soak` holds it to 1 over half an hour


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform != "linux", reason="stops and counts processes as Linux does")
def test_a_server_holds_under_load_faults_and_hostile_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from soak import soak  # type: ignore[import-not-found]

    outcome = soak(tmp_path, MINUTES, most_growth=MOST_GROWTH)
    assert outcome.problems == [], str(outcome)
    assert sum(outcome.tally.answered.values()) > 0
    assert sum(outcome.faults.values()) > 0
    assert sum(outcome.deeds.values()) > 0
