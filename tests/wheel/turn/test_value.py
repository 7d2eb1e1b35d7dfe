"""A wheel whose job says what answers are worth goes by that: what is lost, what is better, what came back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import noria
from noria.reporter import Silent
from noria.wheel.turn.by_hand import log, records
from noria.wheel.turn.decide import recovered
from noria.wheel.turn.turn import turn_wheel
from noria.wheel.turn.turns import PROMOTED
from wheel.turn.conftest import job_on, write


@pytest.fixture(scope="module")
def value_champion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run whose wrong answers cost more by one class than by the other: no one figure says what is lost."""
    folder = tmp_path_factory.mktemp("champion")
    job = {**job_on(write(folder / "first.csv", 900, 0)), "value": {"correct": 1, "labels": {"no": {"wrong": -4}}}}
    return Path(noria.train(job, run=folder / "run", reporter=Silent()))


def test_a_loss_is_counted_by_what_answers_are_worth_and_so_is_what_came_back(
    value_champion: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))
    run = Path(shutil.copytree(value_champion, tmp_path / "run"))
    record = turn_wheel(run, [other], ["wheel.predictions_per_day=10000"], Silent())
    assert record.outcome == PROMOTED, log(run)
    found = record.steps[0].result
    lost = found["assessment"]["worth_before"]["value"] - found["assessment"]["worth_now"]["value"]
    assert found["loss"]["micro"] == round(10_000 * lost)
    recent = record.steps[4].result["recent"]
    assert recent["main"] == "value_per_1000"
    assert "value_per_1000" in record.steps[4].sentence
    gain = recent["value_per_1000"]["value"] * 1000
    assert recovered(records(run)) == [pytest.approx(min(1.0, gain / lost))]
