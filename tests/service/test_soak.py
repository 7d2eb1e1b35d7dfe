"""Load, reloads, killed and stopped processes, and hostile clients: no wrong answer, nothing lost.

Each thing happens at least once here; `make soak` goes on for half an hour, with clients that never rest.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
GOLDEN = Path(__file__).parent.parent / "golden"
MINUTES = 2.0
REST_SECONDS = 0.1  # of each client between two questions, so that other tests go on beside it
CALM_SECONDS = 15.0  # between two faults: each starts processes, which takes a core's time from other tests
# MiB a minute. In two minutes what is kept for good is known to a MiB or so: 0.8 was measured, n = 1, at a load of
# 20. So a leak of 1 MiB a minute does not show here; `make soak` holds it to that over half an hour. What would show
# is that bodies of hostile clients stay: the bombs alone make 4 to 5.
MOST_GROWTH = 3.0


@pytest.fixture
def soak(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the benchmark."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("soak")


def test_memory_that_is_kept_is_growth_and_what_is_held_for_a_while_is_not(soak: ModuleType) -> None:
    level = [(second / 2, 80.0) for second in range(240)]
    assert soak.growth([(at, size + at / 60) for at, size in level]) == pytest.approx(1.0, abs=0.05)
    assert soak.growth([(at, size + 9 * (100 < at < 110)) for at, size in level]) == 0.0


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform != "linux", reason="stops and counts processes as Linux does")
def test_a_server_holds_under_load_faults_and_hostile_clients(run: Path, tmp_path: Path, soak: ModuleType) -> None:
    runs = {"digits": run, "names": GOLDEN / "text-generation"}
    outcome = soak.soak(runs, tmp_path, MINUTES, pace=soak.Pace(MOST_GROWTH, REST_SECONDS, CALM_SECONDS))
    assert outcome.problems == [], str(outcome)
    assert sum(outcome.tally.answered.values()) > 0
    assert {*outcome.faults} == {*soak.KINDS}
    assert sum(outcome.deeds.values()) > 0
