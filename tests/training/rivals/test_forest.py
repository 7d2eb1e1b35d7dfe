"""A random forest of many columns: numbers, classes and labels with holes are learnt, rare columns are no trouble."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from noria.model.regression import Answers
from noria.training.rivals.forest import fit_forest

GENERATOR = np.random.default_rng(0)
ROWS = GENERATOR.poisson(0.3, (300, 40)).astype(np.float32)
ROWS[0, 5] = np.nan
SIGNAL = np.nan_to_num(ROWS[:, 0] - ROWS[:, 1])


def test_numbers_are_learnt():
    found = fit_forest(ROWS[:200], Answers(SIGNAL[:200].astype(np.float64), 0))(ROWS[200:])
    assert found.shape == (100, 1)
    assert np.corrcoef(found[:, 0], SIGNAL[200:])[0, 1] > 0.8


def test_a_class_that_no_tree_votes_for_is_not_ruled_out():
    found = fit_forest(ROWS[:200], Answers((SIGNAL[:200] > 0).astype(np.int64), 2))(ROWS[200:])
    assert np.exp(found).min() >= 1 / 200 - 1e-9
    assert roc_auc_score(SIGNAL[200:] > 0, found[:, 1] - found[:, 0]) > 0.9


def test_each_label_is_learnt_from_the_records_of_which_it_is_known():
    labels = np.stack([SIGNAL > 0, ROWS[:, 2] > 0], 1).astype(np.float32)
    labels[:150, 1] = np.nan
    found = fit_forest(ROWS[:200], Answers(labels[:200], 0))(ROWS[200:])
    assert all(roc_auc_score(labels[200:, place], found[:, place]) > 0.85 for place in (0, 1))


def test_columns_that_are_all_alike_are_answered_by_the_mean():
    assert fit_forest(np.zeros((9, 3)), Answers(np.arange(9.0), 0))(np.zeros((1, 3)))[0, 0] > 2
