"""What is tried next: cheap trials, the best third for longer, whole ones that fit into the time."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from noria.tuning.rungs import Done, Limits, Next, Whole, most_seconds, next_trial, shares_of

MINUTE = 60.0


def played(
    whole: Whole, limits: Limits, costs: tuple[float, ...] = (1.0,), seed: int = 0, most: int = 10_000
) -> list[Done]:
    """Play a whole tuning whose trials score at random and take some times as long as the job's own training."""
    draws = random.Random(seed)
    shares = shares_of(whole, limits)
    longest = most_seconds(whole, shares, limits)
    done, whole_s = [Done(0, 1.0, 0.5, whole.seconds, whole.seconds)], {0: whole.seconds}
    while (following := next_trial(done, shares, limits, whole)) is not None and len(done) < most:
        number = len(done)
        is_new = following.parent is None
        whole_s[number] = whole.seconds * draws.choice(costs) if is_new else whole_s[following.parent or 0]
        fits = whole_s[number] <= longest
        seconds = 0.5 + whole_s[number] * following.share if fits else 0.5
        score = draws.random() if fits else None
        done.append(Done(number, following.share, score, seconds, seconds, following.group, following.parent))
    return done


def counts(done: list[Done]) -> Counter[float]:
    return Counter(round(1 / one.share) for one in done[1:])


def test_a_third_of_each_rung_goes_on_for_three_times_as_long() -> None:
    done = played(Whole(1200, MINUTE), Limits(trials=14, seconds=None))
    assert counts(done) == {9: 9, 3: 3, 1: 1}
    by_number = {one.number: one for one in done}
    cheap = sorted((one.score or 0 for one in done if one.share < 0.2), reverse=True)
    went_on = {by_number[one.parent].score for one in done if one.parent is not None and one.share < 1}
    assert went_on == set(cheap[:3])


def test_few_trials_or_few_steps_are_all_whole_trainings() -> None:
    assert shares_of(Whole(1200, MINUTE), Limits(trials=4, seconds=None)) == [1.0]
    assert shares_of(Whole(30, MINUTE), Limits(trials=50, seconds=None)) == [1.0]
    assert counts(played(Whole(30, MINUTE), Limits(trials=8, seconds=None))) == {1: 7}


@pytest.mark.parametrize("costs", [(1.0,), (0.1, 0.1, 0.5, 1.0), (0.5, 1.0, 3.0)])
@pytest.mark.parametrize("own_s", [0.2, 5.0, 20.0, 60.0, 150.0])
def test_a_budget_in_time_is_kept_and_ends_with_whole_trainings(own_s: float, costs: tuple[float, ...]) -> None:
    limit = 10 * MINUTE
    done = played(Whole(1200, own_s), Limits(None, limit), costs)
    spent = sum(one.seconds for one in done)
    assert 0.7 * limit <= spent <= limit + own_s * max(costs)
    assert counts(done)[1] >= 1
    assert len(done) >= 8


def test_short_trainings_need_no_rungs_and_long_ones_several() -> None:
    limits = Limits(None, 10 * MINUTE)
    assert len(shares_of(Whole(1200, 1.0), limits)) == 1
    assert len(shares_of(Whole(1200, 20.0), limits)) == 2
    assert len(shares_of(Whole(1200, 60.0), limits)) == 3


def test_settings_whose_whole_training_would_not_fit_are_not_tried() -> None:
    whole, limits = Whole(1200, 5 * MINUTE), Limits(None, 10 * MINUTE)
    assert most_seconds(whole, shares_of(whole, limits), limits) == pytest.approx(100)
    done = played(whole, limits, (0.1, 1.0, 4.0))
    assert counts(done)[1] >= 3  # those that take a tenth


def test_without_a_budget_in_time_settings_that_take_many_times_as_long_are_left_out() -> None:
    assert most_seconds(Whole(1200, MINUTE), [1.0], Limits(20, None)) == 10 * MINUTE
    assert most_seconds(Whole(12, 0.1), [1.0], Limits(20, None)) == MINUTE  # so short that little is known of it


def test_no_other_trial_is_begun_where_the_own_one_took_the_time() -> None:
    assert len(played(Whole(1200, 61.0), Limits(None, 60.0))) == 1


def test_what_is_next_depends_on_what_has_ended_alone() -> None:
    whole, limits = Whole(1200, 20.0), Limits(None, 10 * MINUTE)
    done, shares = played(whole, limits, (0.3, 1.0)), shares_of(whole, limits)
    for count in range(1, len(done)):
        one = done[count]
        assert next_trial(done[:count], shares, limits, whole) == Next(one.share, one.group, one.parent)


def test_more_trials_on_resuming_go_on_with_the_same_rungs() -> None:
    whole = Whole(1200, MINUTE)
    done, shares = played(whole, Limits(14, None)), shares_of(whole, Limits(14, None))
    assert next_trial(done, shares, Limits(14, None), whole) is None
    assert next_trial(done, shares, Limits(27, None), whole) == Next(shares[0], 0)


def test_where_nothing_new_is_left_the_good_ones_still_go_on() -> None:
    whole, limits = Whole(1200, MINUTE), Limits(14, None, is_exhausted=True)
    shares = shares_of(whole, limits)
    done = [Done(0, 1.0, 0.5, 60, 60), Done(1, shares[0], 0.6, 7, 7), Done(2, shares[0], 0.7, 7, 7)]
    assert next_trial(done, shares, limits, whole) == Next(shares[1], 0, 2)
    assert next_trial(done[:1], shares, limits, whole) is None
