"""The answer of the nearest training record: the class, or each number where it is known."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from noria.model.regression import Answers
from noria.training.rivals.nearest import fit_nearest

RECORDS = np.array([[1.0, 0.0], [0.9, 0.2], [0.0, 1.0], [-1.0, 0.1]])
NEAR_FIRST = sparse.csr_matrix(RECORDS[:1])


def test_a_class_is_that_of_the_nearest_record() -> None:
    nearest = fit_nearest(sparse.csr_matrix(RECORDS), Answers(np.array([1, 0, 0, 2]), 3))
    assert nearest(NEAR_FIRST).argmax(1).tolist() == [1]


def test_each_number_is_that_of_the_nearest_record_of_which_it_is_known() -> None:
    numbers = np.array([[5.0, np.nan], [6.0, 7.0], [0.0, 1.0], [2.0, 3.0]])
    nearest = fit_nearest(sparse.csr_matrix(RECORDS), Answers(numbers, 0, are_numbers=True))
    np.testing.assert_array_equal(nearest(NEAR_FIRST), [[5.0, 7.0]])
