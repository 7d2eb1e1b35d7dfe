"""Several yes/no answers as people write them: a column each, or one cell with the names of those that hold."""

from __future__ import annotations

import numpy as np
import pytest

from noria.errors import UserError
from noria.targets.labels import Labels

COLUMNS = {"toxic": ["1", "0", "", "yes"], "insult": [0, 1.0, None, float("nan")], "threat": [True, False, "?", "no"]}


def encoded(values, target=None):
    target = target or Labels()
    state = target.fit(values)
    return target.encode(values, state), state


def test_columns_of_yes_and_no_are_read_and_what_is_blank_is_unknown():
    found, state = encoded({name: cells[:2] + cells[3:] for name, cells in COLUMNS.items()})
    np.testing.assert_array_equal(found.arrays["labels"], [[1, 0, 1], [0, 1, 0], [1, np.nan, 0]])
    assert (found.bad, state["counts"]["toxic"]) == ({}, [2, 1])


def test_a_record_of_which_no_label_is_known_is_told():
    found, _ = encoded(COLUMNS)
    assert found.bad == {2: "all labels are missing"}


def test_columns_with_three_values_are_refused_by_name_with_what_they_hold():
    with pytest.raises(UserError) as caught:
        Labels().fit({"toxic": ["0", "1", "2"], "fine": ["1", "0", "1"], "grade": ["a", "b", "c"]})
    assert "toxic, grade" in caught.value.what
    assert "'2' 1" in caught.value.found
    assert "fine" not in caught.value.found


def test_two_words_are_labels_once_it_is_said_which_is_yes():
    columns = {"works": ["active", "inactive", None], "safe": ["active", "inactive", "inactive"]}
    with pytest.raises(UserError, match="yes or no") as caught:
        Labels().fit(columns)
    assert "target.yes=[active]" in caught.value.fix
    found, _ = encoded(columns, Labels(yes=["active"]))
    np.testing.assert_array_equal(found.arrays["labels"], [[1, 1], [0, 0], [np.nan, 0]])
    with pytest.raises(UserError):
        Labels(yes=["active"]).fit({"works": ["active", "inactive", "inconclusive"]})


def test_a_third_value_after_training_is_told_where_it_stands():
    target = Labels()
    found = target.encode({"toxic": ["1", "2"]}, target.fit({"toxic": ["1", "0"]}))
    assert found.bad == {1: "the label 'toxic' is neither yes nor no: '2'"}


@pytest.mark.parametrize(
    "cells",
    [
        ["a; b", "b", "[]", "a"],
        ["a|b", " b ", "[]", "a"],
        [["a", "b"], ["b"], [], ["a"]],
        ["['a', 'b']", '["b"]', "[]", "['a']"],
    ],
)
def test_names_in_one_cell_are_what_holds(cells):
    found, _ = encoded(cells)
    np.testing.assert_array_equal(found.arrays["labels"], [[1, 1], [0, 1], [0, 0], [1, 0]])
    assert not found.bad


def test_a_separator_that_is_said_is_taken_for_nothing_else():
    _, state = encoded(["drama, black; comedy", "comedy"], Labels(separator=","))
    assert list(state["counts"]) == ["black; comedy", "comedy", "drama"]


def test_a_blank_cell_of_names_and_an_unknown_name_are_told():
    target = Labels()
    found = target.encode(["a", "", None, "c"], target.fit(["a;b", "b"]))
    assert found.bad.keys() == {1, 2, 3}
    assert "[] says that none holds" in found.bad[1]
    assert "'c' does not stand in the training records" in found.bad[3]
