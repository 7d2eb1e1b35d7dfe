"""Boosted trees on the columns of a table: histograms of scikit-learn; as plain arrays.

Each of several answers is learnt by trees of its own, from the records of which it is known.
Read next: grown.py; model/tree_part.py, which answers by the arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from noria.model.regression import Answers
from noria.model.tree_part import Trees
from noria.training.rivals.grown import Tree, joined, of_each

MOST_CODES = 255  # categories of a column that the trees take as such; columns of more are read as numbers
# Small trees, slowly, half of the columns a split: on a fold inside of twelve tables' training rows their loss alone is
# 6 % below that of scikit-learn's defaults (geometric mean), and 1 % mixed with the network and the linear model.
GROWING = {
    "learning_rate": 0.05, "max_iter": 200, "max_leaf_nodes": 15, "min_samples_leaf": 10, "max_features": 0.5,
    "l2_regularization": 1.0, "early_stopping": False, "random_state": 0,
}  # fmt: skip
NEVER = -20.0  # logit of what no record has been
HALVES = np.array([-0.5, 0.5])  # of one logit that says two classes: half for the second, half against the first


def fit_trees(rows: np.ndarray, is_code: np.ndarray, answers: Answers) -> Trees:
    """Learn from float[n, columns], NaN where missing: trees whose sums are logits, or numbers.

    is_code bool[columns]: which columns are codes of categories, from 0.
    """
    if answers.are_several:

        def grow(known: np.ndarray, values: np.ndarray, place: int) -> tuple[list[Tree], float]:
            if len(seen := np.unique(values)) < 2:  # always the same
                return [], float((NEVER * np.where(seen > 0, -1, 1) if answers.are_labels else seen).sum())
            boosted = _Boosted(rows[known], is_code, values > 0 if answers.are_labels else values, answers.are_labels)
            return boosted.trees([[place]], np.ones(1)), float(boosted.start[0])

        return of_each(answers, grow)
    if not answers.classes:
        boosted = _Boosted(rows, is_code, answers.values, False)
        return joined(boosted.trees([[0]], np.ones(1)), boosted.start)
    seen, values = np.unique(answers.values, return_inverse=True)
    bias = np.full(answers.classes, NEVER)
    bias[seen] = 0.0
    if len(seen) < 2:
        return joined([], bias)
    boosted = _Boosted(rows, is_code, values, True)
    if len(seen) == 2:
        bias[seen] = boosted.start * HALVES
        return joined(boosted.trees([seen.tolist()], HALVES), bias)
    bias[seen] = boosted.start
    return joined(boosted.trees([[int(one)] for one in seen], np.ones(1)), bias)


class _Boosted:
    """Trees that have learnt; `start` [trees a round] is what their sums begin with.

    Categories are counted anew from 0 for those that there are, and stand first, as scikit-learn has them within.
    """

    def __init__(self, rows: np.ndarray, is_code: np.ndarray, values: np.ndarray, are_classes: bool) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        is_category = is_code & (np.nan_to_num(rows).max(0, initial=0) < MOST_CODES)
        self.order = np.concatenate([np.flatnonzero(is_category), np.flatnonzero(~is_category)])
        self.known = [np.unique(rows[~np.isnan(rows[:, one]), one]).astype(int) for one in np.flatnonzero(is_category)]
        ordered = rows[:, self.order]
        for place, codes in enumerate(self.known):
            column = ordered[:, place]
            ordered[:, place] = np.where(np.isnan(column), np.nan, np.searchsorted(codes, column))
        kinds = np.arange(len(self.order)) < len(self.known) if self.known else None
        learner = HistGradientBoostingClassifier if are_classes else HistGradientBoostingRegressor
        fitted: Any = learner(categorical_features=kinds, **GROWING)
        fitted.fit(ordered, values)
        # scikit-learn gives what has been grown by no public name.
        self.start: np.ndarray = fitted._baseline_prediction.ravel()
        self.rounds: list[list[Any]] = fitted._predictors

    def trees(self, answers: Sequence[Sequence[int]], factors: np.ndarray) -> list[Tree]:
        """Return all trees. answers: which ones those of a round speak for; factors: of what a leaf says, for each."""
        return [self._tree(*one, factors) for each in self.rounds for one in zip(each, answers, strict=True)]

    def _tree(self, grown: Any, answer: Sequence[int], factors: np.ndarray) -> Tree:
        nodes = grown.nodes
        here, is_leaf = np.arange(len(nodes)), nodes["is_leaf"].astype(bool)
        left, right = (np.where(is_leaf, here, nodes[side].astype(np.int64)) for side in ("left", "right"))
        is_left = {}
        for node in np.flatnonzero(nodes["is_categorical"].astype(bool) & ~is_leaf):
            codes = self.known[nodes["feature_idx"][node]]
            bits = grown.raw_left_cat_bitsets[nodes["bitset_idx"][node]]
            row = np.full(int(codes.max()) + 2, bool(nodes["missing_go_to_left"][node]))
            found = np.arange(len(codes))
            row[codes] = bits[found // 32] >> (found % 32).astype(np.uint32) & 1
            is_left[int(node)] = row
        return Tree(
            left=left,
            right=right,
            feature=self.order[np.where(is_leaf, 0, nodes["feature_idx"])],
            threshold=nodes["num_threshold"],
            is_missing_left=nodes["missing_go_to_left"].astype(bool),
            value=nodes["value"][:, None] * factors,
            answer=answer,
            is_left=is_left,
        )
