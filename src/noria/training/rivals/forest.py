"""A random forest on many columns that are mostly zero, as counts of a molecule's substructures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from noria.model.regression import Answers
from noria.training.rivals.trees import LEAST_CHANCE, of_each_label

TREES = 200
LEAST_RECORDS = 2  # that differ from the commonest value of a column; rarer ones teach nothing
SHARE = 0.33  # of the columns that a split of a regression tree looks at; of a classification their root


def fit_forest(rows: np.ndarray, answers: Answers) -> Callable[[np.ndarray], np.ndarray]:
    """Learn from float[n, columns], NaN where missing; return what gives logits float[n, classes or labels], or numbers
    float[n, 1]."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    if answers.are_labels:
        return of_each_label(rows, answers, fit_forest)
    rows = np.nan_to_num(rows)
    used = (rows != np.median(rows, 0)).sum(0) >= LEAST_RECORDS
    used = used if used.any() else np.ones_like(used)
    if not answers.classes:
        regressor = RandomForestRegressor(TREES, max_features=SHARE, random_state=0)
        regressor.fit(rows[:, used], answers.values)
        return lambda other: np.asarray(regressor.predict(np.nan_to_num(other)[:, used]))[:, None]
    classifier = RandomForestClassifier(TREES, random_state=0)
    classifier.fit(rows[:, used], answers.values)

    def logits(other: np.ndarray) -> np.ndarray:
        chances = np.full((len(other), answers.classes), LEAST_CHANCE)
        found = classifier.predict_proba(np.nan_to_num(other)[:, used])
        chances[:, classifier.classes_] = np.clip(found, 1 / TREES, None)  # a few trees of one mind are not sure
        return np.asarray(np.log(chances))

    return logits
