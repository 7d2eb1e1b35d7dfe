"""Load, reloads, killed and stopped processes, and hostile clients: no wrong answer, nothing lost.

Each thing happens at least once here; `make soak` goes on for half an hour, with clients that never rest.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
GOLDEN = Path(__file__).parent.parent / "golden"
MINUTES = 0.6
REST_SECONDS = 0.03  # of each client between two questions, so that other tests go on beside it
# MiB a minute: within half a minute buffers still find their size, some 8 MiB. A body of a hostile client that stays is
# seen; `make soak` holds it to 1 over half an hour.
MOST_GROWTH = 60.0


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform != "linux", reason="stops and counts processes as Linux does")
def test_a_server_holds_under_load_faults_and_hostile_clients(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from soak import KINDS, soak  # type: ignore[import-not-found]

    runs = {"digits": run, "names": GOLDEN / "text-generation"}
    outcome = soak(runs, tmp_path, MINUTES, most_growth=MOST_GROWTH, rest=REST_SECONDS)
    assert outcome.problems == [], str(outcome)
    assert sum(outcome.tally.answered.values()) > 0
    assert {*outcome.faults} == {*KINDS}
    assert sum(outcome.deeds.values()) > 0
