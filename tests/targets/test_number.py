"""Numbers: the scores are scikit-learn's in the user's unit; what cannot be learnt is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from noria.errors import UserError
from noria.targets.number import Number, mean
from noria.types import Batch

RECORDS = 100
STATE = {"mean": 50.0, "spread": 12.5}


def drawn() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(RECORDS, 1)).astype(np.float32)
    noise = 0.4 * generator.normal(size=(RECORDS, 1)).astype(np.float32)
    return {"number": truth + noise}, {"number": truth}


def scores(output: dict, truth: dict, weights: np.ndarray) -> dict[str, np.ndarray]:
    return {metric.name: metric.value(output, truth, weights) for metric in Number().metrics(STATE)}


def by_scikit_learn(output: dict, truth: dict) -> dict[str, float]:
    given, real = (arrays["number"][:, 0].astype(float) * 12.5 + 50 for arrays in (output, truth))
    return {
        "rmse": sk.root_mean_squared_error(real, given),
        "mae": sk.mean_absolute_error(real, given),
        "r2": sk.r2_score(real, given),
    }


def test_the_scores_are_those_of_scikit_learn() -> None:
    given = scores(*drawn(), np.ones((1, RECORDS)))
    expected = by_scikit_learn(*drawn())
    assert given.keys() == expected.keys()
    for name, value in expected.items():
        assert given[name][0] == pytest.approx(value, rel=1e-5), name


def test_a_weight_counts_as_so_many_records() -> None:
    output, truth = drawn()
    counts = np.random.default_rng(1).multinomial(RECORDS, np.full(RECORDS, 1 / RECORDS), size=8)
    together = scores(output, truth, counts.astype(np.float64))
    for index, count in enumerate(counts):
        chosen = np.repeat(np.arange(RECORDS), count)
        expected = by_scikit_learn({"number": output["number"][chosen]}, {"number": truth["number"][chosen]})
        for name, value in expected.items():
            assert together[name][index] == pytest.approx(value, rel=1e-5), name


def test_r2_is_unknown_where_all_truths_are_equal() -> None:
    truth = {"number": np.ones((3, 1), np.float32)}
    assert np.isnan(scores({"number": np.zeros((3, 1), np.float32)}, truth, np.ones((1, 3)))["r2"][0])


def test_a_number_comes_back_from_its_standardised_form() -> None:
    values = ["1.5", 20, "-3e2", " 7 ", "１２"]
    number = Number()
    state = number.fit(values)
    encoded = number.encode(values, state)
    assert encoded.bad == {}
    assert [one.value for one in number.decode(encoded.arrays, state)] == pytest.approx(
        [1.5, 20, -300, 7, 12], rel=1e-5
    )


@pytest.mark.parametrize("value", ["", None, "much", "inf", float("nan"), "1e999", 10**400])
def test_an_answer_that_is_no_finite_number_is_named(value: object) -> None:
    assert Number().encode([1.0, value], STATE).bad.keys() == {1}


def test_an_answer_far_beyond_those_of_training_is_named_and_not_taken_as_infinite() -> None:
    found = Number().encode([1.0, 1e300, -2e8, 1e6], STATE)
    far = "is more than 1,000,000 times the spread of training away from its mean"
    assert found.bad == {1: f"the answer 1e+300 {far}", 2: f"the answer -2e+08 {far}"}
    assert np.isfinite(found.arrays["number"]).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "no training record"),
        (["x"], "no training record"),
        ([5, 5.0, "5"], "same answer"),
        ([1e200, 2e200], "large"),
    ],
)
def test_answers_that_cannot_be_learnt_are_refused(values: list, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Number().fit(values)


def test_the_loss_is_the_squared_error_and_each_vote_is_taught() -> None:
    truth = torch.tensor([[1.0], [2.0]])
    batch = Batch({}, {"number": truth}, 2)
    plain = Number().loss({"number": torch.tensor([[0.0], [4.0]])}, batch)
    assert plain["each"].tolist() == [1.0, 4.0]
    assert plain["loss"] == 2.5
    votes = torch.tensor([[[1.0], [3.0]], [[2.0], [9.0]]])  # the last one is padding
    weights = torch.tensor([[[0.5], [0.5]], [[1.0], [0.0]]])
    voted = Number(is_voting=True).loss({"number": votes.mean(1), "votes": votes, "weights": weights}, batch)
    assert voted["each"].tolist() == [2.0, 0.0]


def test_the_trivial_answer_is_the_mean() -> None:
    assert mean({"number": np.array([[1.0], [3.0]], np.float32)})["number"].tolist() == [[2.0]]
