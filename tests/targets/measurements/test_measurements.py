"""Several numbers: a missing one teaches nothing, scores are means of scikit-learn's, each in its own unit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from noria.errors import UserError
from noria.targets.measurements import Measurements, means
from noria.targets.measurements.metrics import measurements_panels
from noria.types import Batch

COUNT = 200
COLUMNS = {"logP": ["1.0", "2.0", "", "4.0"], "weight": [100, 300, 200, None]}
STATE = Measurements().fit(COLUMNS)


def drawn():
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(COUNT, 2)).astype(np.float32) * np.float32([1, 2])
    given = truth + generator.normal(size=truth.shape).astype(np.float32)
    truth[generator.random(truth.shape) < 0.3] = np.nan
    truth[np.isnan(truth).all(1), 0] = 1
    return {"measurements": given}, {"measurements": truth}


def scores(output, truth, weights=None):
    weights = np.ones((1, len(truth["measurements"]))) if weights is None else weights
    return {one.name: one.value(output, truth, weights) for one in Measurements().metrics(STATE)}


def test_scores_are_means_of_scikit_learns_over_what_is_known():
    output, truth = drawn()
    known = [
        (~np.isnan(one), one, given)
        for one, given in zip(truth["measurements"].T, output["measurements"].T, strict=True)
    ]
    found = scores(output, truth)
    for name, score in (
        ("rmse_macro", sk.root_mean_squared_error),
        ("mae_macro", sk.mean_absolute_error),
        ("r2_macro", sk.r2_score),
    ):
        expected = np.mean([score(one[k].astype(float), given[k].astype(float)) for k, one, given in known])
        assert found[name][0] == pytest.approx(expected, rel=1e-6), name


def test_a_weight_counts_as_so_many_records():
    output, truth = drawn()
    counts = np.random.default_rng(1).multinomial(COUNT, np.full(COUNT, 1 / COUNT), size=3)
    together = scores(output, truth, counts.astype(np.float64))
    for index, count in enumerate(counts):
        chosen = np.repeat(np.arange(COUNT), count)
        again = scores(
            {"measurements": output["measurements"][chosen]}, {"measurements": truth["measurements"][chosen]}
        )
        for name, value in again.items():
            assert together[name][index] == pytest.approx(value[0], rel=1e-6), name


def test_what_is_not_known_has_no_part_in_the_loss():
    output, truth = drawn()
    given = torch.tensor(output["measurements"], requires_grad=True)
    loss = Measurements().loss(
        {"measurements": given}, Batch({}, {"measurements": torch.tensor(truth["measurements"])}, COUNT)
    )
    loss["loss"].backward()
    known = ~np.isnan(truth["measurements"])
    assert (given.grad.numpy()[~known] == 0).all()
    assert (given.grad.numpy()[known] != 0).all()
    assert loss["loss"].item() == pytest.approx(
        ((output["measurements"] - truth["measurements"])[known] ** 2).mean(), rel=1e-5
    )


def test_answers_have_names_and_the_units_of_the_data_and_read_back_as_they_were():
    encoded = Measurements().encode(COLUMNS, STATE)
    told = Measurements().decode_target(encoded.arrays, STATE)
    assert told[:3] == [{"logP": 1.0, "weight": 100.0}, {"logP": 2.0, "weight": 300.0}, {"weight": 200.0}]
    np.testing.assert_array_equal(
        Measurements().encode(told, STATE).arrays["measurements"], encoded.arrays["measurements"]
    )
    (answer,) = Measurements().decode({"measurements": np.zeros((1, 2))}, STATE)
    assert answer.value == {"logP": 2.333333, "weight": 200.0}
    assert answer.details == {"number_logP": 2.333333, "number_weight": 200.0}


def test_a_cell_may_hold_all_of_them_by_name():
    cells = ['{"logP": 1, "weight": 100}', {"weight": 300}, {"logP": 3}]
    found = Measurements().encode(cells, Measurements().fit(cells))
    assert not found.bad
    assert np.isnan(found.arrays["measurements"]).tolist() == [[False, False], [True, False], [False, True]]


def test_what_cannot_be_used_is_told_by_record():
    columns = {"logP": ["much", "", "inf"], "weight": ["1", "", "2"]}
    assert Measurements().encode(columns, STATE).bad == {
        0: "logP is not a finite number: 'much'",
        1: "all numbers are missing",
        2: "logP is not a finite number: 'inf'",
    }
    cells = ["3.5", {"logp": 1.0}, None]
    told = Measurements().encode(cells, STATE).bad
    assert told[0] == "is no mapping of names to numbers: '3.5'"
    assert told[1].startswith("the number 'logp' does not stand in the training records")
    assert len(told) == 3


def test_a_number_far_beyond_those_of_training_is_named_and_not_taken_as_infinite():
    found = Measurements().encode({"logP": ["1", "1e300", ""], "weight": ["1", "2", "-1e30"]}, STATE)
    assert [reason.split(" is more")[0] for reason in found.bad.values()] == ["logP 1e+300", "weight -1e+30"]
    assert not np.isinf(found.arrays["measurements"]).any()


def test_columns_that_teach_nothing_are_refused_by_name():
    with pytest.raises(UserError) as caught:
        Measurements().fit({"logP": ["1", "2"], "same": ["5", "5"], "none": ["", ""]})
    assert caught.value.found == "same: 2 numbers, all 5; none: 0 numbers"
    with pytest.raises(UserError, match="no training record has numbers"):
        Measurements().fit(["7", "8"])


def test_numbers_are_read_as_their_own_column_writes_them():
    state = Measurements().fit({"price": ["1.234,5", "2.000,5"], "size": ["1.5", "2.5"]})
    assert [one["mean"] for one in state["columns"].values()] == [1617.5, 2.0]


def test_the_baseline_is_the_mean_of_what_is_known():
    arrays = Measurements().encode(COLUMNS, STATE).arrays
    np.testing.assert_allclose(means(arrays)["measurements"], [[0, 0]], atol=1e-6)


def test_outputs_of_another_training_are_restated_in_order_and_scale():
    other = Measurements().fit({"weight": [0, 10], "logP": [0, 4]})
    found = Measurements().restated({"measurements": np.zeros((1, 2))}, STATE, other)
    assert found is not None
    (told,) = Measurements().decode_target(found, other)
    assert told == {"weight": 200.0, "logP": 2.333333}
    assert (
        Measurements().restated({"measurements": np.zeros((1, 2))}, STATE, Measurements().fit({"weight": [0, 10]}))
        is None
    )


def test_the_report_has_a_row_for_each_number_in_its_own_unit():
    output, truth = {"measurements": np.array([[0.0, 1.0]])}, {"measurements": np.array([[np.nan, 0.0]])}
    table, curve = measurements_panels(output, truth, list(COLUMNS), np.array([2.0, 50.0]))
    assert table.data["rows"] == [["logP", 0, None, None, None], ["weight", 1, 50.0, 50.0, None]]
    assert curve.data["points"] == {"weight": [[0.0, 1.0]]}
