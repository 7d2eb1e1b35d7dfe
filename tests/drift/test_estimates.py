"""What is told without true answers: shares of classes, scores to be expected."""

from __future__ import annotations

import numpy as np

from noria.drift.expected_score import expected_score, mean_score
from noria.drift.label_shift import shares_now
from noria.pipeline.observations import Observations


def test_shares_that_changed_are_found_where_each_class_looks_as_before() -> None:
    generator = np.random.default_rng(0)
    chances = np.array([[0.9, 0.1], [0.2, 0.8]])  # of the answers, by the truth
    confusion = np.stack([generator.multinomial(1000, row) for row in chances])
    truths = generator.random(2000) < 0.8  # class 1 was half, is 80 %
    answers = (generator.random(2000) < chances[truths.astype(int), 1]).astype(np.int64)
    found = shares_now(confusion, answers)
    assert found is not None
    assert abs(found[1, 0] - 0.8) < 0.05
    assert found[1, 1] < 0.8 < found[1, 2]
    assert np.isclose(found[:, 0].sum(), 1)


def test_answers_that_do_not_tell_classes_apart_tell_no_shares() -> None:
    assert shares_now(np.array([[50, 50], [50, 50]]), np.array([0, 1, 1])) is None


def test_a_class_that_never_was_the_truth_tells_no_shares() -> None:
    assert shares_now(np.array([[50, 5], [0, 0]]), np.array([0, 1, 1])) is None


def seen(sure: np.ndarray, answers: np.ndarray | None = None) -> Observations:
    """Return observations of which only how sure the answers are, and the answers, are known."""
    nothing = np.full(len(sure), np.nan)
    answers = np.zeros(len(sure), np.int64) if answers is None else answers
    return Observations(
        "confidence", ("confidence",), sure[:, None], sure, answers, nothing, nothing, nothing, nothing, None, ()
    )


def test_less_sure_answers_are_expected_to_score_as_calibration_says() -> None:
    generator = np.random.default_rng(0)
    sure = generator.uniform(0.5, 1, 2000)
    right = (generator.random(2000) < sure).astype(float)
    found = expected_score(seen(sure), right, seen(generator.uniform(0.5, 0.7, 1000)))
    assert found is not None
    assert found.low < 0.6 < found.high
    same = expected_score(seen(sure), right, seen(sure))
    assert same is not None
    assert abs(same.value - right.mean()) < 1e-9


def test_a_model_that_is_too_sure_is_expected_to_score_what_it_scored_and_not_what_it_says() -> None:
    generator = np.random.default_rng(1)
    sure = generator.uniform(0.9, 1, 2000)
    right = (generator.random(2000) < 0.7).astype(float)
    found = expected_score(seen(sure), right, seen(sure[:500]))
    assert found is not None
    assert found.low < 0.7 < found.high


def test_to_be_as_sure_of_one_class_may_mean_another_thing_than_of_another() -> None:
    generator = np.random.default_rng(2)
    sure, answers = generator.uniform(0.8, 1, 2000), generator.integers(0, 2, 2000)
    right = (generator.random(2000) < np.where(answers == 0, 0.95, 0.6)).astype(float)
    found = expected_score(seen(sure, answers), right, seen(sure[:400], np.ones(400, np.int64)))
    assert found is not None
    assert found.low < 0.6 < found.high


def test_classes_of_few_records_share_bands_that_are_narrow_enough() -> None:
    generator = np.random.default_rng(5)
    sure = 1 - generator.uniform(0, 0.6, 1000) ** 3  # most are sure
    right, answers = (generator.random(1000) < sure).astype(float), generator.integers(0, 10, 1000)
    now = generator.uniform(0.78, 0.82, 400)
    found = expected_score(seen(sure, answers), right, seen(now, generator.integers(0, 10, 400)))
    alone = expected_score(seen(sure), right, seen(now))
    assert found == alone


def test_a_class_that_was_never_answered_in_calibration_is_expected_to_score_as_the_commonest() -> None:
    sure, answers = np.full(800, 0.9), np.repeat([0, 1], [480, 320])
    right = np.repeat([1.0, 0.0], [480, 320])
    found = expected_score(seen(sure, answers), right, seen(np.full(50, 0.9), np.full(50, 7)))
    assert found is not None
    assert found.value == 1.0


def test_ties_leave_no_band_without_a_record() -> None:
    sure = np.repeat([0.5, 0.7, 1.0], [10, 300, 700])
    for now in (0.1, 0.5, 0.6, 0.7, 0.9, 1.0, 1.5):
        found = expected_score(seen(sure), np.ones(1010), seen(np.full(40, now)))
        assert found is not None
        assert found.value == 1.0


def test_too_few_records_tell_no_score() -> None:
    assert mean_score(np.ones(29)) is None
    assert expected_score(seen(np.ones(100)), np.ones(100), seen(np.ones(29))) is None


def test_the_interval_of_a_share_lies_within_0_and_1() -> None:
    sure = np.linspace(0.5, 1, 600)
    right = np.ones(600)
    right[:20] = 0
    for now in (np.full(40, 1.0), np.full(40, 0.5)):
        found = expected_score(seen(sure), right, seen(now))
        assert found is not None
        assert 0 <= found.low <= found.value <= found.high <= 1
    told = mean_score(np.append(np.full(99, 1.0), 0.99))  # as of shares of overlap
    assert told is not None
    assert told.high <= 1
    errors = mean_score(np.append(np.zeros(99), 50.0))
    assert errors is not None
    assert errors.low == 0
