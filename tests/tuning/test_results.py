"""What a tuning says at its end: what was gained, how sure that is, whether the rival was beaten."""

from __future__ import annotations

from typing import Any

import pytest

from noria.tuning.results import verdict

FACTS: dict[str, Any] = {
    "n": 872,
    "metric": "accuracy",
    "direction": "higher",
    "rival": None,
    "own": {"trial": 0, "score": 0.75, "interval": [0.72, 0.78], "settings": {}},
    "best": {"trial": 7, "score": 0.8, "settings": {}},
    "importance": {},
}


def told(**changes: Any) -> str:
    return "\n".join(verdict({**FACTS, **changes}))


@pytest.mark.parametrize(("score", "expected"), [(0.8, "beyond the 95 % interval"), (0.77, "so it may be luck")])
def test_a_gain_is_held_against_the_interval_of_the_own_score(score: float, expected: str) -> None:
    text = told(best={"trial": 7, "score": score, "settings": {}})
    assert f"{score - 0.75:.4f} better than with the job's own settings (0.7500 to {score:.4f})" in text
    assert expected in text
    assert "0.7200 to 0.7800 (n = 872)" in text


def test_where_nothing_was_better_or_nothing_can_be_compared_it_is_said() -> None:
    assert "nothing that was tried did better" in told(best={"trial": 0, "score": 0.75, "settings": {}})
    assert "have no score" in told(own={"trial": 0, "score": None, "interval": None, "settings": {}})
    assert "cannot be told (n = 872)" in told(own={"trial": 0, "score": 0.7, "interval": None, "settings": {}})


@pytest.mark.parametrize(
    ("direction", "score", "is_beaten"), [("higher", 0.9, False), ("higher", 0.7, True), ("lower", 0.9, True)]
)
def test_the_end_says_whether_the_rival_was_beaten(direction: str, score: float, is_beaten: bool) -> None:
    rival = {"name": "n-grams", "score": score, "seconds": 15.0}
    text = told(direction=direction, rival=rival)
    assert ("it is ahead of the rival, n-grams" in text) == is_beaten
    assert ("it is not ahead of the rival, n-grams, which takes 15 s" in text) != is_beaten
    assert f"0.8000 against {score:.4f}" in text
    assert "rival" not in told()


def test_the_settings_that_mattered_most_are_named() -> None:
    shares = {"model.depth": 0.6, "train.ema": 0.2, "train.warmup": 0.15, "target.smoothing": 0.05}
    text = told(importance=shares)
    assert "what mattered most: model.depth (60 %), train.ema (20 %), train.warmup (15 %)" in text
    assert "smoothing" not in text
    assert "cannot be told" in told()
