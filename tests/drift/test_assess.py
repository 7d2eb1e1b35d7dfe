"""A window beside calibration, of hand-made observations: what is not there, or is no number, is no evidence."""

from __future__ import annotations

import numpy as np
import pytest

from noria.drift.assess import assess
from noria.drift.assessment import Assessment
from noria.errors import UserError
from noria.pipeline.observations import Observations
from noria.pipeline.reference import Reference


def answers(count: int, seed: int) -> Observations:
    """Return answers of two classes with embeddings."""
    generator = np.random.default_rng(seed)
    first = generator.random(count).astype(np.float32)
    values, nothing = np.stack([first, 1 - first], 1), np.full(count, np.nan)
    truths = (generator.random(count) > first).astype(np.float64)
    likeliest = values.argmax(1)
    vectors = generator.normal(size=(count, 4)).astype(np.float32)
    return Observations(
        "classes", ("good", "bad"), values, values.max(1), likeliest, truths, (likeliest == truths).astype(float),
        nothing, nothing, vectors, tuple(f"new.csv:{i}" for i in range(count)),
    )  # fmt: skip


def found_of(before: Observations, now: Observations, level: float = 0.05) -> Assessment:
    return assess(Reference("m", before, "accuracy", "higher"), now, level)


def test_embeddings_that_are_no_numbers_are_no_evidence() -> None:
    now = answers(200, 1)
    assert now.vectors is not None
    now.vectors[7] = np.nan
    tests = {one.name: one for one in found_of(answers(300, 0), now).tests}
    assert not tests["embeddings"].alarm
    now.vectors[:] = np.inf
    assert "embeddings" not in {one.name for one in found_of(answers(300, 0), now).tests}


def test_a_calibration_of_one_record_is_no_reason_to_break() -> None:
    before = answers(1, 0)
    found = found_of(before, answers(60, 1))
    assert found.unlike == []
    assert found.before is None


@pytest.mark.parametrize("level", [0, 1, 5, -1, float("nan")])
def test_a_level_that_is_no_chance_is_refused(level: float) -> None:
    with pytest.raises(UserError, match="chance of a false alarm"):
        found_of(answers(50, 0), answers(50, 1), level)


def test_the_level_is_shared_out_among_the_tests() -> None:
    before, now = answers(300, 0), answers(200, 4)
    least = min(one.p for one in found_of(before, now).tests)
    assert least < 0.05
    assert not found_of(before, now).has_alarm
    level = len(found_of(before, now).tests) * least
    assert [found_of(before, now, times * level).has_alarm for times in (0.99, 1.01)] == [False, True]
