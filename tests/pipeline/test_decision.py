"""Which class is answered where answers have a worth: by hand, and never worse on held-out records than the plain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import logit

from noria.contract.payoffs import ClassPayoffs
from noria.pipeline.decision import NONE, Decision, chosen, fitted_temperature

CHANCES = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95])
TRUTH = np.array([0, 0, 1, 0, 1, 0, 1, 1, 1, 1])


def two(chances: np.ndarray) -> np.ndarray:
    return np.stack([np.zeros(len(chances)), logit(chances)], 1).astype(np.float32)


def table(payoffs: ClassPayoffs, classes: int) -> np.ndarray:
    names = [str(one) for one in range(classes)]
    return np.array([[payoffs.micro(answer, truth) for answer in (*names, None)] for truth in names], np.int64)


def total(decision: Decision, logits: np.ndarray, truth: np.ndarray, worth: np.ndarray) -> int:
    return int(worth[truth, decision.decide(logits, worth)[0]].sum())


def test_a_missed_second_class_that_costs_much_moves_the_threshold_down() -> None:
    worth = table(ClassPayoffs(labels={"0": {"wrong": -1}, "1": {"wrong": -5}}), 2)
    found = chosen(two(CHANCES), TRUTH, worth, can_abstain=False)
    assert found.rule == "thresholds"
    assert found.low == found.high == pytest.approx(0.15)  # between 0.1 and 0.2: two false alarms, nothing missed
    assert total(found, two(CHANCES), TRUTH, worth) == -2_000_000


def test_doubtful_records_get_no_answer_where_that_is_cheap() -> None:
    worth = table(ClassPayoffs(correct=1, wrong=-10, abstain=0), 2)
    found = chosen(two(CHANCES), TRUTH, worth, can_abstain=True)
    codes = found.decide(two(CHANCES), worth)[0]
    assert codes.tolist() == [0, 0, *[NONE] * 4, 1, 1, 1, 1]
    assert (found.low, found.high) == (pytest.approx(0.15), pytest.approx(0.65))


def test_equal_probabilities_are_answered_alike() -> None:
    chances = np.array([0.2] * 10 + [0.7] * 10)
    truth = np.array([0] * 9 + [1] + [1] * 9 + [0])
    worth = table(ClassPayoffs(correct=1, wrong=-1), 2)
    assert chosen(two(chances), truth, worth, can_abstain=False).rule == "likeliest"


@pytest.mark.parametrize("broken", [[np.nan, 0, 0], [0, np.inf, 0], [0, 0, -np.inf]])
def test_a_held_out_record_without_finite_logits_says_nothing_of_the_others(broken: list[float]) -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (300, 3))
    truth = (logits + generator.gumbel(size=logits.shape)).argmax(1)
    worth = table(ClassPayoffs(correct=1, wrong=-3, abstain=0), 3)
    expected = chosen(logits, truth, worth, can_abstain=True)
    found = chosen(np.append(logits, [broken], 0), np.append(truth, 2), worth, can_abstain=True)
    assert found == expected


def test_a_class_that_the_model_holds_impossible_does_not_decide_how_sure_all_answers_are() -> None:
    logits, truth = np.array([[-np.inf, 0.0]] * 3), np.array([0, 0, 0])
    assert fitted_temperature(logits, truth) == 1.0


def test_a_decision_that_brings_nothing_leaves_the_likeliest_class() -> None:
    worth = table(ClassPayoffs(), 2)
    found = chosen(two(CHANCES), TRUTH, worth, can_abstain=True)
    assert found.rule == "likeliest"
    assert not found.may_abstain


def test_few_held_out_records_choose_nothing() -> None:
    worth = table(ClassPayoffs(wrong=-1, abstain=0), 2)
    assert chosen(two(CHANCES[:9]), TRUTH[:9], worth, can_abstain=True) == Decision()


def test_the_temperature_of_answers_that_are_too_sure_is_above_one() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 1, (5000, 3))
    truth = (logits + generator.gumbel(size=logits.shape)).argmax(1)  # drawn by their softmax
    assert fitted_temperature(3 * logits, truth) == pytest.approx(3, rel=0.1)


def test_what_an_answer_is_expected_to_be_worth_follows_from_the_probabilities() -> None:
    worth = table(ClassPayoffs(correct=1, wrong=-2, abstain=0.1), 2)
    codes, expected = Decision("worth", may_abstain=True).decide(two(np.array([0.1, 0.5])), worth)
    assert codes.tolist() == [0, NONE]
    assert expected == pytest.approx([700_000, 100_000])


@pytest.mark.parametrize("classes", [2, 3, 6])
@pytest.mark.parametrize("can_abstain", [False, True])
def test_what_is_chosen_is_never_worth_less_on_the_held_out_records(classes: int, can_abstain: bool) -> None:
    for seed in range(40):
        generator = np.random.default_rng(seed)
        logits = generator.normal(0, 2, (60, classes)).round(1)  # so that some are equal
        truth = generator.integers(0, classes, 60)
        worth = generator.integers(-(10**6), 10**6, (classes, classes + 1))
        found = chosen(logits, truth, worth, can_abstain)
        best = total(found, logits, truth, worth)
        assert best >= total(Decision(), logits, truth, worth)
        if not can_abstain:
            assert (found.decide(logits, worth)[0] != NONE).all()
        if classes == 2:
            assert best >= _best_of_all_cuts(logits, truth, worth, can_abstain)


def _best_of_all_cuts(logits: np.ndarray, truth: np.ndarray, worth: np.ndarray, can_abstain: bool) -> int:
    chances = np.unique(Decision().decide(logits, worth)[1] * 0 + (1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))))
    cuts = [0.0, *((chances[1:] + chances[:-1]) / 2), 1.0]
    pairs = [(low, high) for low in cuts for high in cuts if low == high or (can_abstain and low < high)]
    return max(total(Decision("thresholds", low=low, high=high), logits, truth, worth) for low, high in pairs)


def test_the_largest_amounts_choose_as_small_ones_do() -> None:
    generator = np.random.default_rng(0)
    truth = (generator.random(20_000) < 0.3).astype(np.int64)
    logits = np.stack([np.zeros(len(truth)), 2 * (truth - 0.5) + generator.normal(size=len(truth))], 1)
    small, large = (
        chosen(logits, truth, table(ClassPayoffs(wrong=wrong), 2), can_abstain=False) for wrong in (-1, -1e9)
    )
    assert small == large


@pytest.mark.parametrize("rule", ["likeliest", "thresholds", "worth"])
@pytest.mark.parametrize("may_abstain", [False, True])
def test_logits_that_are_no_numbers_promise_nothing(rule: Any, may_abstain: bool) -> None:
    worth = table(ClassPayoffs(correct=1, wrong=-1, abstain=0), 2)
    logits = np.array([[np.nan, np.nan], [np.nan, 0], [0, 9]], np.float32)
    codes, expected = Decision(rule, may_abstain=may_abstain).decide(logits, worth)
    assert codes.tolist() == ([NONE, NONE, 1] if may_abstain else [0, 0, 1])
    assert expected.tolist() == [0, 0, pytest.approx(1e6, rel=1e-3)]
