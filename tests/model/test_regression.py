"""Logistic and ridge regression on sparse features: as scikit-learn fits them, with the penalty that folds ask for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from noria.model import regression
from noria.model.regression import STRENGTHS, Answers, fit_linear, log_shares

EVERY = (1e-12, 2000)  # so that only the model differs, and not how far it was taken


def records(count: int = 400, columns: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, columns))


def classes_of(values: np.ndarray, count: int, seed: int = 1) -> np.ndarray:
    """Draw a class of each record by a linear model of its first columns."""
    generator = np.random.default_rng(seed)
    given = values[:, :3] @ generator.normal(size=(3, count)) + generator.gumbel(size=(len(values), count))
    return given.argmax(1)


@pytest.mark.parametrize("classes", [2, 4])
def test_a_logistic_regression_is_scikit_learns(classes: int) -> None:
    from sklearn.linear_model import LogisticRegression

    values = records()
    answers = Answers(classes_of(values, classes), classes)
    own = regression._Fit(sparse.csr_matrix(values), answers, is_counts=False).at(0.3, EVERY)
    judge = LogisticRegression(C=0.3, tol=1e-10, max_iter=5000).fit(values, answers.values)
    ours = np.exp(log_shares(own(sparse.csr_matrix(values))))
    np.testing.assert_allclose(ours, judge.predict_proba(values), atol=2e-3)


def test_a_ridge_regression_is_scikit_learns() -> None:
    from sklearn.linear_model import Ridge

    values = records()
    numbers = values[:, 0] * 3 + np.random.default_rng(2).normal(size=len(values)) + 7
    own = regression._Fit(sparse.csr_matrix(values), Answers(numbers, 0), is_counts=False).at(0.3, EVERY)
    judge = Ridge(alpha=1 / 0.3).fit(values, numbers)
    np.testing.assert_allclose(own(sparse.csr_matrix(values))[:, 0], judge.predict(values), atol=1e-3)


def test_several_numbers_are_a_ridge_regression_each_of_the_records_of_which_it_is_known() -> None:
    from sklearn.linear_model import Ridge

    values = records()
    numbers = np.stack([values[:, 0] * 3 + 7, values[:, 1] - values[:, 2]], 1)
    numbers += np.random.default_rng(2).normal(size=numbers.shape)
    numbers[::3, 0] = np.nan
    several = Answers(numbers, 0, are_numbers=True)
    own = regression._Fit(sparse.csr_matrix(values), several, is_counts=False).at(0.3, EVERY)
    given = own(sparse.csr_matrix(values))
    for place, column in enumerate(numbers.T):
        known = ~np.isnan(column)
        judge = Ridge(alpha=1 / 0.3).fit(values[known], column[known])
        np.testing.assert_allclose(given[:, place], judge.predict(values), atol=1e-3)
    assert regression.loss_of(given, several) == pytest.approx(float(np.nansum((given - numbers) ** 2)))


def test_noise_asks_for_a_strong_penalty_and_a_rule_for_a_weak_one() -> None:
    values = sparse.csr_matrix(records(300, 60))
    dense = values.toarray()
    noise = Answers(np.random.default_rng(3).integers(0, 2, 300), 2)
    rule = Answers((dense[:, 0] > 0).astype(np.int64), 2)
    strengths = [fit_linear(values, one, False, [slice(0, 60)]).strength for one in (noise, rule)]
    assert strengths[0] == STRENGTHS[0]
    assert strengths[1] > 10 * strengths[0]


def test_features_that_only_bring_noise_are_left_out() -> None:
    plain, noise = records(200, 4), 5 * records(200, 400, seed=5)
    answers = Answers(plain @ np.array([1.0, -2.0, 0.5, 0.0]), 0)
    fitted = fit_linear(sparse.csr_matrix(np.concatenate([plain, noise], 1)), answers, False, [slice(0, 4)])
    assert not fitted.weight[4:].any()
    assert np.abs(fitted.weight[:3]).min() > 0.3


def test_records_of_one_group_stand_on_one_side() -> None:
    groups = np.repeat(np.arange(40), 5)
    for held_out in regression._sides(200, groups, 0):
        assert not set(groups[held_out]) & set(groups[~held_out])


def test_words_that_tell_classes_apart_weigh_more() -> None:
    """Each word stands in half of the texts: two in those of a class, the last anywhere."""
    label = np.tile([0, 1], 100)
    anywhere = np.repeat([0, 1], 100)
    occurs = sparse.csr_matrix(np.stack([label, 1 - label, anywhere], 1).astype(np.float32))
    scale = regression._scale(occurs, Answers(label, 2))
    assert scale[:2].min() > 2
    assert scale[2] < 0.1


def test_a_class_that_no_record_has_gets_a_small_share() -> None:
    values = sparse.csr_matrix(records())
    fitted = fit_linear(values, Answers(classes_of(values.toarray(), 2), 3), False, [slice(0, 12)])
    assert np.exp(log_shares(fitted(values)))[:, 2].max() < 0.2
