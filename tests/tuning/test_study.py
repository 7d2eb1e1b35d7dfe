"""A study on the disk: what counts, what is drawn, what is the best; whole trainings alone can win."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from noria.contract import Metric
from noria.errors import UserError
from noria.job import Range
from noria.tuning.draws import STARTUP
from noria.tuning.page import course
from noria.tuning.rungs import Next
from noria.tuning.search_space import Dimension
from noria.tuning.study import FEW, Ended, Study, opened_study, require_optuna

SPACE = [Dimension("x", Range(low=0, high=1), False), Dimension("idle", Range(low=0, high=1), False)]
OWN = {"x": 0.5, "idle": 0.25}
RMSE = Metric("rmse", "m", "lower", lambda output, truth, weights: weights[:, 0])
ENDED = Ended("", 1.0)


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    with opened_study(tmp_path / "tune.db", RMSE, seed=0, held_out=10) as study:
        yield study


def tried(study: Study, score: float | None, share: float = 1.0) -> Any:
    """Begin and end one trial of new settings."""
    trial = study.begin(SPACE, Next(share, 0), OWN)
    study.end(trial, score, False, ENDED)
    return trial


def test_where_lower_is_better_the_lowest_score_is_the_best(study: Study) -> None:
    for score in (3.0, 1.0, 2.0):
        tried(study, score)
    assert study.best().value == 1.0
    assert [one.score for one in study.done()] == [-3.0, -1.0, -2.0]  # to the rungs, the higher the better
    assert study.importances() == {}  # too few to tell


def test_a_cheap_trial_never_wins(study: Study) -> None:
    tried(study, 3.0)
    tried(study, 0.1, share=1 / 9)
    assert study.best().value == 3.0


def test_a_score_of_nothing_is_drawn_like_any_other(study: Study) -> None:
    for score in (3.0, 0.0):
        tried(study, score)
    tried(study, 7.0, share=1 / 3)
    chart = course("rmse", "lower", study.finished())
    assert [list(line.points) for line in chart.scatters] == [[(0, 3.0), (1, 0.0)], [(2, 7.0)]]
    assert list(chart.lines[0].points) == [(0, 3.0), (1, 0.0)]


def test_what_moves_the_score_is_what_mattered(study: Study) -> None:
    for _ in range(FEW):
        trial = study.begin(SPACE, Next(1 / 3, 0), {})
        study.end(trial, trial.params["x"], False, ENDED)
    shares = study.importances()
    assert list(shares) == ["x", "idle"]
    assert shares["x"] > 0.8
    assert sum(shares.values()) == pytest.approx(1.0, abs=0.001)


def test_early_trials_keep_half_of_the_own_values_and_see_all_others(study: Study) -> None:
    space = [*SPACE, Dimension("depth", Range(choices=[2, 0, 1, 4, 8]), True)]
    drawn = []
    for _ in range(STARTUP):
        trial = study.begin(space, Next(1.0, 0), {**OWN, "depth": 2})
        drawn.append(trial.params)
        study.end(trial, 1.0, False, ENDED)
    for key, value in {**OWN, "depth": 2}.items():
        assert abs(sum(one[key] == value for one in drawn) - STARTUP / 2) <= 1  # less what was drawn before
    assert {one["depth"] for one in drawn} == {0, 1, 2, 4, 8}
    pairs = {(one["x"] == 0.5, one["depth"] == 2) for one in drawn}
    assert len(pairs) > 2  # settings do not change all at once


def test_settings_that_were_tried_are_not_drawn_again(study: Study) -> None:
    space = [Dimension("x", Range(choices=[1, 2, 3]), True)]
    drawn = []
    while (trial := study.begin(space, Next(1.0, 0), {})) is not None:
        drawn.append(trial.params["x"])
        study.end(trial, 1.0, False, ENDED)
    assert sorted(drawn) == [1, 2, 3]


def test_a_trial_that_goes_on_has_the_settings_of_the_one_before(study: Study) -> None:
    cheap = tried(study, 1.0, share=1 / 3)
    longer = study.begin(SPACE, Next(1.0, 0, cheap.number), OWN)
    assert longer.params == cheap.params


def test_settings_that_failed_are_avoided_like_the_worst(study: Study) -> None:
    for _ in range(2 * STARTUP):
        trial = study.begin(SPACE, Next(1.0, 0), {})
        x = trial.params["x"]
        study.end(trial, None if x > 0.5 else 1.0 + x, False, ENDED)
    later = [study.begin(SPACE, Next(1.0, 0), {}) for _ in range(1)]
    assert all(trial.params["x"] <= 0.5 for trial in later)


def test_a_trial_that_kills_twice_is_not_tried_again(study: Study) -> None:
    for _ in range(2):
        study.begin(SPACE, Next(1.0, 0), OWN)
        assert len(study.bury_killed()) == 1
    first, second = study.trials()
    assert first.params == second.params
    assert [one.number for one in study.finished()] == [second.number]
    study.begin(SPACE, Next(1.0, 0), OWN)
    study.bury_killed()
    assert study.trials()[2].params != first.params


def test_a_trial_that_a_signal_stopped_is_tried_again_as_often_as_it_takes(study: Study) -> None:
    for _ in range(3):
        trial = study.begin_own(SPACE, {"x": 0.5})
        assert trial.params == {"x": 0.5}
        study.put_back(trial)
    assert study.finished() == []
    assert study.own() is None
    study.end(study.begin_own(SPACE, {"x": 0.5}), 1.0, False, ENDED)
    assert study.own().number == 3


def test_what_was_told_of_a_study_stays_true(study: Study) -> None:
    assert study.tell_once("shares") is None
    assert study.tell_once("shares", [0.5, 1.0]) == [0.5, 1.0]
    assert study.tell_once("shares", [1.0]) == [0.5, 1.0]


def test_a_damaged_study_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "tune.db").write_bytes(b"no database" * 1000)
    with (
        pytest.raises(UserError, match="cannot be read"),
        opened_study(tmp_path / "tune.db", RMSE, seed=0, held_out=10),
    ):
        pass


def test_a_study_of_an_earlier_version_is_refused_in_a_sentence(tmp_path: Path) -> None:
    optuna = require_optuna()
    earlier = optuna.create_study(storage=f"sqlite:///{tmp_path / 'tune.db'}", study_name="tune", direction="minimize")
    earlier.tell(earlier.ask(), 1.0)
    with (
        pytest.raises(UserError, match="begun by an earlier version") as caught,
        opened_study(tmp_path / "tune.db", RMSE, seed=0, held_out=10),
    ):
        pass
    assert "--run" in caught.value.fix
