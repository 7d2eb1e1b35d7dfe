"""A random forest on many columns that are mostly zero, as counts of a molecule's substructures; as plain arrays.

Each of several answers has a forest of its own. Read next: grown.py; model/tree_part.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from noria.model.regression import Answers
from noria.model.tree_part import Trees
from noria.training.rivals.grown import Tree, joined, of_each

TREES = 200
LEAST_RECORDS = 2  # that differ from the commonest value of a column; rarer ones teach nothing
MOST_NODES = 2**21  # of all trees, some 40 MB; of more trees those of each answer are kept that fit
SHARE = 0.33  # of the columns that a split of a regression tree looks at; of a classification their root


def fit_forest(rows: np.ndarray, answers: Answers) -> Trees:
    """Learn from float[n, columns], NaN where missing: trees whose sums are probabilities, or numbers."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    if answers.are_several:
        most, unknown = MOST_NODES // answers.values.shape[1], 0.5 if answers.are_labels else 0.0

        def grow(known: np.ndarray, values: np.ndarray, place: int) -> tuple[list[Tree], float]:
            if len(np.unique(values)) < 2:  # always the same
                return [], float(values.mean()) if len(values) else unknown
            if answers.are_labels:
                fitted = RandomForestClassifier(TREES, random_state=0)
                return _trees(fitted, rows[known], values > 0, [place], most, 1), 0.0
            numbers = RandomForestRegressor(TREES, max_features=SHARE, random_state=0)
            return _trees(numbers, rows[known], values, [place], most), 0.0

        return of_each(answers, grow)
    if not answers.classes:
        fitted = RandomForestRegressor(TREES, max_features=SHARE, random_state=0)
        return joined(_trees(fitted, rows, answers.values, [0], MOST_NODES), np.zeros(1))
    seen = np.unique(answers.values).tolist()
    fitted = RandomForestClassifier(TREES, random_state=0)
    return joined(_trees(fitted, rows, answers.values, seen, MOST_NODES), np.zeros(answers.classes))


def _trees(
    forest: Any, rows: np.ndarray, values: np.ndarray, answer: list[int], most: int, start: int = 0
) -> list[Tree]:
    """Let a forest learn, and return those of its trees that have `most` nodes together.

    start: the first of the numbers of a leaf that is wanted.
    """
    rows = np.nan_to_num(rows)
    used = np.flatnonzero((rows != np.median(rows, 0)).sum(0) >= LEAST_RECORDS)
    used = used if len(used) else np.arange(rows.shape[1])
    grown = [one.tree_ for one in forest.fit(rows[:, used], values).estimators_]
    kept = max(1, int((np.cumsum([one.node_count for one in grown]) <= most).sum()))
    return [_tree(one, used, answer, start, kept) for one in grown[:kept]]


def _tree(grown: Any, used: np.ndarray, answer: list[int], start: int, trees: int) -> Tree:
    here, is_leaf = np.arange(grown.node_count), grown.children_left < 0
    return Tree(
        left=np.where(is_leaf, here, grown.children_left),
        right=np.where(is_leaf, here, grown.children_right),
        feature=used[np.where(is_leaf, 0, grown.feature)],
        threshold=grown.threshold,
        is_missing_left=grown.threshold >= 0,  # what is missing is taken as zero
        value=grown.value[:, 0, start:] / trees,
        answer=answer,
        is_left={},
    )
