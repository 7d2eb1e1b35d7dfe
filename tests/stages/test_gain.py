"""What a start brought: a difference with an interval, and never of scores that cannot be compared."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.errors import UserError
from noria.reporter import Silent
from noria.stages.gain import gain
from noria.stages.train import train
from tiny_data import tiny_job


def scores(value: float | None, low: float | None, high: float | None, **more: Any) -> dict[str, Any]:
    one = {"value": value, "low": low, "high": high, "unit": "fraction", "direction": "higher"}
    return {"split": "test", "n": 50, "metrics": {"accuracy": one}, **more}


def written(folder: Path, content: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(content))
    return folder


def test_the_gain_is_ours_less_theirs_with_both_uncertainties(tmp_path: Path) -> None:
    other = written(tmp_path / "other", scores(0.7, 0.66, 0.73))
    found = gain(scores(0.8, 0.77, 0.84), other)
    one = found["metrics"]["accuracy"]
    assert found["against"] == str(other)
    assert one["value"] == pytest.approx(0.1)
    assert one["low"] == pytest.approx(0.1 - math.hypot(0.03, 0.03))
    assert one["high"] == pytest.approx(0.1 + math.hypot(0.04, 0.04))
    assert (one["unit"], one["direction"]) == ("fraction", "higher")


def test_changing_sides_turns_the_interval_over(tmp_path: Path) -> None:
    ours, theirs = scores(0.8, 0.77, 0.86), scores(0.7, 0.61, 0.73)
    there = gain(ours, written(tmp_path / "a", theirs))["metrics"]["accuracy"]
    back = gain(theirs, written(tmp_path / "b", ours))["metrics"]["accuracy"]
    assert there["value"] == pytest.approx(-back["value"])
    assert (there["low"], there["high"]) == (pytest.approx(-back["high"]), pytest.approx(-back["low"]))


def test_the_interval_covers_the_true_difference_as_often_as_those_of_the_scores(tmp_path: Path) -> None:
    generator, covered = np.random.default_rng(0), 0
    for number in range(300):
        ours, theirs = 0.8 + generator.normal(0, 0.02), 0.7 + generator.normal(0, 0.03)
        other = written(tmp_path / str(number), scores(theirs, theirs - 1.96 * 0.03, theirs + 1.96 * 0.03))
        one = gain(scores(ours, ours - 1.96 * 0.02, ours + 1.96 * 0.02), other)["metrics"]["accuracy"]
        covered += one["low"] <= 0.1 <= one["high"]
    assert 0.91 <= covered / 300 <= 0.99


def test_scores_that_one_side_lacks_are_left_out(tmp_path: Path) -> None:
    other = written(tmp_path / "other", scores(None, None, None))
    assert gain(scores(0.8, 0.7, 0.9), other)["metrics"] == {}
    other = written(tmp_path / "other", scores(0.5, 0.4, 0.6))
    ours = scores(0.8, 0.7, 0.9)
    ours["metrics"]["bleu"] = ours["metrics"]["accuracy"]
    assert set(gain(ours, other)["metrics"]) == {"accuracy"}


@pytest.mark.parametrize("change", [{"n": 51}, {"split": "validation"}])
def test_scores_of_other_records_are_not_compared(change: dict[str, Any], tmp_path: Path) -> None:
    other = written(tmp_path / "other", scores(0.7, 0.66, 0.73, **change))
    with pytest.raises(UserError, match="other records") as caught:
        gain(scores(0.8, 0.77, 0.84), other)
    assert "50 of test" in caught.value.expected


def test_what_is_no_run_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished run"):
        gain(scores(0.8, 0.77, 0.84), tmp_path)


def test_a_run_that_is_not_there_is_missed_before_anything_is_trained(tmp_path: Path) -> None:
    job = {**tiny_job("tabular-classification", tmp_path), "evaluate": {"against": str(tmp_path / "none")}}
    with pytest.raises(UserError, match="no finished run"):
        train(job, run=tmp_path / "run", reporter=Silent())
    assert not (tmp_path / "run" / "history.jsonl").exists()
