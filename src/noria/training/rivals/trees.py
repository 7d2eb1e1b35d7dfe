"""Boosted trees on the columns of a table: histograms of scikit-learn, its defaults.

Each of several yes/no answers is learnt by trees of its own, from the records of which it is known.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from noria.model.regression import Answers

MOST_CODES = 255  # categories of a column that the trees take as such; columns of more are read as numbers
LEAST_CHANCE = 1e-6


def fit_trees(rows: np.ndarray, is_code: np.ndarray, answers: Answers) -> Callable[[np.ndarray], np.ndarray]:
    """Learn from float[n, columns], NaN where missing; return what gives logits float[n, classes or labels], or
    numbers float[n, 1].

    is_code bool[columns]: which columns are codes of categories, from 0.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    if answers.are_labels:
        return of_each_label(rows, answers, lambda known, own: fit_trees(known, is_code, own))
    is_category = is_code & (np.nan_to_num(rows).max(0) < MOST_CODES)
    kinds = is_category if is_category.any() else None
    if not answers.classes:
        regressor = HistGradientBoostingRegressor(categorical_features=kinds, random_state=0)
        regressor.fit(rows, answers.values)
        return lambda other: np.asarray(regressor.predict(other))[:, None]
    classifier = HistGradientBoostingClassifier(categorical_features=kinds, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes of one record
        classifier.fit(rows, answers.values)

    def logits(other: np.ndarray) -> np.ndarray:
        chances = np.full((len(other), answers.classes), LEAST_CHANCE)
        chances[:, classifier.classes_] = np.maximum(classifier.predict_proba(other), LEAST_CHANCE)
        return np.asarray(np.log(chances))

    return logits


def of_each_label(
    rows: np.ndarray, answers: Answers, fit: Callable[[np.ndarray, Answers], Callable[[np.ndarray], np.ndarray]]
) -> Callable[[np.ndarray], np.ndarray]:
    """Fit a model of two classes to each label; return what gives logits float[n, labels]."""
    fitted = []
    for values in answers.values.T:
        known = ~np.isnan(values)
        fitted.append(fit(rows[known], Answers(values[known].astype(np.int64), 2)))
    return lambda other: np.stack([np.diff(one(other))[:, 0] for one in fitted], 1)
