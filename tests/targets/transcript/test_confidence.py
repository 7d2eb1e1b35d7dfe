"""Confidences are shares: of words that are 0.8 sure, about 80 % are right."""

from __future__ import annotations

import numpy as np
import pytest

from noria.targets.transcript.confidence import are_right, fitted, probabilities


def overconfident(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what a network says that is far too sure, and which of its words are right."""
    generator = np.random.default_rng(seed)
    mean = -generator.exponential(0.3, count)
    is_right = generator.random(count) < 1 / (1 + np.exp(-(1.5 + 4 * mean)))
    return np.stack([mean, 2 * mean], 1), is_right


def test_fitted_confidences_are_shares_of_new_words() -> None:
    weights = fitted(*overconfident(2000, 0))
    sure, is_right = overconfident(2000, 1)

    def error(chances: np.ndarray) -> float:
        bins = np.minimum((10 * chances).astype(int), 9)
        return sum(abs((chances - is_right)[bins == one].sum()) for one in range(10)) / len(chances)

    assert error(probabilities(sure, weights)) < 0.03 < 0.1 < error(probabilities(sure, None))


def test_nothing_is_fitted_on_few_words() -> None:
    sure, is_right = overconfident(12, 0)
    assert fitted(sure, is_right) is None
    assert fitted(np.zeros((0, 2)), np.zeros(0, bool)) is None
    assert probabilities(np.array([[-0.5, -1.0], [0.1, 0.0]]), None) == pytest.approx([np.exp(-0.5), 1.0])


def test_a_word_is_right_where_it_stands_in_the_truth() -> None:
    places = np.array([[0, 1, 0, 3], [2, 3, 4, 7], [4, 5, 8, 11]])
    assert are_right("the cat sat", places, "the cat sat") == [True, True, True]
    assert are_right("the cat sat", places, "the dog sat") == [True, False, True]
    assert are_right("the cat sat", places, "cat") == [False, True, False]


def test_a_word_of_several_signs_is_right_where_all_are() -> None:
    places = np.array([[0, 1, 0, 2], [2, 3, 2, 3]])
    assert are_right("银行好", places, "银行坏") == [True, False]
    assert are_right("银行好", places, "银航好") == [False, True]
