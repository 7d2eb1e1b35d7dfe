"""A newer version is asked its share, and withdrawn when it fails more, is slower, or answers otherwise; else never."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from noria.service.fleet.canary import Canary, Trial
from noria.service.request.exchange import Reply


def reply(value: str = "a", status: int = 200) -> Reply:
    return Reply(json.dumps({"model": "m", "predictions": [{"value": value}]}).encode(), status)


def trial_of(share: float = 0.1) -> Trial:
    return Trial(Canary(Path("x"), share))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.07])
def test_a_share_of_the_requests_is_the_newer_ones(share: float) -> None:
    trial = trial_of(share)
    asked = [trial.is_next() for _ in range(1000)]
    assert sum(asked) == pytest.approx(1000 * share, abs=1)
    assert sum(asked[:200]) == pytest.approx(200 * share, abs=1)  # evenly


def seen(old: list[Reply], new: list[Reply], slow: float = 0.02) -> str | None:
    trial = trial_of()
    for one in old:
        trial.see(False, one, 0.02)
    for one in new:
        trial.see(True, one, slow)
    return trial.verdict()


def test_nothing_is_said_of_few_requests() -> None:
    assert seen([reply()] * 100, [reply(status=500)] * 20) is None


def test_one_that_fails_is_withdrawn() -> None:
    found = seen([reply()] * 100, [reply()] * 30 + [reply(status=500)] * 5)
    assert found is not None
    assert "14% of its requests fail" in found


def test_requests_that_are_wrong_are_no_failures_where_both_refuse_them() -> None:
    wrong = [reply()] * 60 + [reply(status=422)] * 40
    assert seen(wrong, wrong) is None
    assert seen([reply()] * 70 + [reply(status=422)] * 30, wrong) is None
    assert "it refuses 40% of its requests, the older one 0%" in str(seen([reply()] * 100, wrong))


def test_one_that_is_slower_is_withdrawn() -> None:
    assert "take 0.05 s or longer, 0.02 s of the older" in str(seen([reply()] * 100, [reply()] * 40, slow=0.05))
    assert seen([reply()] * 100, [reply()] * 40, slow=0.03) is None


def test_one_that_answers_otherwise_is_withdrawn_and_chance_is_not_enough() -> None:
    numbers = np.random.default_rng(0)
    old = [reply(numbers.choice(list("ab"))) for _ in range(300)]
    other = [reply("a") for _ in range(60)]
    assert "total variation" in str(seen(old, other))
    for _ in range(200):
        same = [reply(numbers.choice(list("ab"))) for _ in range(60)]
        assert seen(old, same) is None


def test_answers_that_are_no_classes_are_not_compared() -> None:
    old = [reply(f"text {i}") for i in range(100)]
    assert seen(old, [reply(f"another {i}") for i in range(60)]) is None


def test_one_that_gives_no_answer_where_the_older_one_does_is_withdrawn() -> None:
    none = Reply(json.dumps({"predictions": [{"value": None, "confidence": None, "abstained": True}]}).encode(), 200)
    assert "total variation" in str(seen([reply()] * 100, [none] * 60))
    assert seen([none] * 100, [none] * 60) is None
    unusable = Reply(json.dumps({"predictions": [{"error": "it is empty"}]}).encode(), 200)
    assert seen([reply()] * 100, [unusable] * 60) is None
