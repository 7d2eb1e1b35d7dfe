"""What an answer is worth, in numbers worked out by hand."""

from __future__ import annotations

import pytest

from noria.contract.payoffs import MOST_AMOUNT, ClassPayoffs, NumberPayoffs, RankingPayoffs, micro


@pytest.mark.parametrize(
    ("answer", "truth", "worth"),
    [
        ("ham", "ham", 500_000),
        ("spam", "ham", -2_000_000),
        (None, "ham", -100_000),
        ("spam", "spam", 750_000),  # what a label says wins
        ("ham", "spam", -3_000_000),  # and the matrix over that
        (None, "spam", -100_000),
    ],
)
def test_the_narrowest_key_says_what_a_class_is_worth(answer: str | None, truth: str, worth: int) -> None:
    payoffs = ClassPayoffs(
        correct=0.5, wrong=-2, abstain=-0.1, labels={"spam": {"correct": 0.75}}, matrix={"spam": {"ham": -3.0}}
    )
    assert payoffs.micro(answer, truth) == worth


def test_a_number_costs_by_each_unit_beyond_the_tolerance() -> None:
    payoffs = NumberPayoffs(correct=1, wrong=-0.5, per_unit=-0.1, tolerance=2)
    assert [payoffs.micro(one, 10) for one in (10, 12, 8, 15, 0)] == [10**6, 10**6, 10**6, -800_000, -1_300_000]


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), float("-inf")])
def test_an_answer_that_is_no_number_is_as_wrong_as_can_be(answer: float) -> None:
    assert NumberPayoffs(correct=1, wrong=-2).micro(answer, 3) == -2_000_000
    assert NumberPayoffs(correct=1, per_unit=-0.1).micro(answer, 3) == -MOST_AMOUNT * 1_000_000


def test_a_ranking_pays_by_the_true_items_among_the_first() -> None:
    payoffs = RankingPayoffs(hit=2, miss=-1, top=2)
    assert [payoffs.micro(["a", "b", "c"], truth) for truth in (["b"], ["c"], ["a", "b"])] == [
        2_000_000,
        -1_000_000,
        4_000_000,
    ]


def test_a_list_of_numbers_finds_items_that_are_given_as_texts() -> None:
    assert RankingPayoffs(hit=1).micro([7, 8], ["8"]) == 1_000_000


@pytest.mark.parametrize("amount", [0.1, 0.3, -0.000001, 1e9])
def test_amounts_are_exact_in_micro_units(amount: float) -> None:
    assert micro(amount) == round(amount * 1_000_000)


def test_no_answer_is_booked_with_more_than_64_bits_hold() -> None:
    worst = NumberPayoffs(per_unit=-1).micro(1e300, 0)
    assert worst == -MOST_AMOUNT * 1_000_000
