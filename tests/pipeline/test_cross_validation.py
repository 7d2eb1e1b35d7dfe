"""Answers of several models scored together: each is read by its own model's state."""

from __future__ import annotations

import numpy as np
import pytest

from noria.pipeline.cross_validation import Fold, cross_validation, in_front
from noria.targets.label import Label
from noria.targets.number import Number
from noria.types import Arrays, State


def of_numbers(state: State, given: np.ndarray, true: np.ndarray) -> Fold:
    def standard(values: np.ndarray) -> Arrays:
        return {"number": ((values - state["mean"]) / state["spread"]).astype(np.float32)[:, None]}

    return Fold(state, standard(given), standard(np.full(len(true), state["mean"])), standard(true), None)


def of_classes(classes: list[str], logits: np.ndarray, true: list[str], groups: np.ndarray | None = None) -> Fold:
    label = {"label": np.array([classes.index(one) for one in true])}
    return Fold({"classes": classes}, {"logits": logits}, {"logits": np.zeros_like(logits)}, label, groups)


def test_numbers_of_models_with_other_means_are_compared_in_the_users_unit() -> None:
    generator = np.random.default_rng(0)
    true = generator.normal(50, 20, 60)
    given = true + generator.normal(0, 5, 60)
    one, two = {"mean": 10.0, "spread": 3.0}, {"mean": 80.0, "spread": 40.0}
    parts = [of_numbers(one, given[:20], true[:20]), of_numbers(two, given[20:], true[20:])]
    found = cross_validation(Number(), parts, 200, 60)
    assert found["metrics"]["rmse"]["value"] == pytest.approx(np.sqrt(((given - true) ** 2).mean()), rel=1e-5)
    share = 1 - ((given - true) ** 2).sum() / ((true - true.mean()) ** 2).sum()
    assert found["metrics"]["r2"]["value"] == pytest.approx(share, rel=1e-5)
    assert (found["n"], found["folds"], [one["n"] for one in found["by_fold"]]) == (60, 2, [20, 40])


def test_classes_are_told_by_their_names_whatever_their_order_is() -> None:
    logits = np.array([[9.0, 0, 0], [0, 9, 0], [0, 0, 9]])
    one = of_classes(["ant", "bee", "cat"], logits, ["ant", "bee", "cat"])
    two = of_classes(["cat", "ant", "bee"], logits, ["cat", "ant", "ant"])
    found = cross_validation(Label(), [one, two], 200, 6)
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(5 / 6)
    confusion = next(panel for panel in found["panels"] if panel["kind"] == "matrix")
    assert confusion["data"]["values"] == [[2, 1, 0], [0, 1, 0], [0, 0, 2]]


def test_records_are_ranked_among_those_of_their_own_model() -> None:
    """Two models that both rank perfectly, one of them surer of everything: together their ranks would be wrong."""
    ranks = np.linspace(-1, 1, 20)
    true = ["no"] * 10 + ["yes"] * 10
    bold = of_classes(["no", "yes"], np.stack([np.zeros(20), ranks + 50], 1), true)
    shy = of_classes(["no", "yes"], np.stack([np.zeros(20), ranks - 50], 1), true)
    found = cross_validation(Label(), [bold, shy], 200, 40)
    assert found["metrics"]["auc"]["value"] == 1
    assert found["metrics"]["accuracy"]["value"] == 0.5
    assert found["baseline"]["auc"]["value"] == 0.5


def test_models_that_know_other_classes_are_scored_fold_by_fold() -> None:
    logits = np.eye(2)[[0, 1, 0, 1]]
    one = of_classes(["ant", "bee"], logits, ["ant", "bee", "ant", "bee"])
    two = of_classes(["ant", "cat"], logits, ["ant", "cat", "ant", "ant"])
    found = cross_validation(Label(), [one, two], 200, 8)
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(7 / 8)
    assert "panels" not in found


def test_groups_are_drawn_together_and_counted() -> None:
    groups = np.repeat(np.arange(12, dtype=np.uint64), 10)
    generator = np.random.default_rng(0)
    true = ["no", "yes"] * 60
    logits = np.stack([np.zeros(120), np.repeat(generator.normal(0, 2, 12), 10)], 1)
    parts = [of_classes(["no", "yes"], logits[part], true[part], groups[part]) for part in (slice(60), slice(60, None))]
    found = cross_validation(Label(), parts, 200, 120)
    assert found["groups"] == 12


def test_records_that_no_fold_held_out_are_told() -> None:
    parts = [of_classes(["no", "yes"], np.eye(2), ["no", "yes"])] * 2
    (said,) = cross_validation(Label(), parts, 200, 5)["remarks"]
    assert said == "1 of 5 records were held out by no fold: their answers stood nowhere else"


def test_scores_on_test_stand_in_front_of_cross_validated_ones_and_these_in_front_of_others() -> None:
    validated = {"split": "cross-validation"}
    assert in_front({"split": "test", "cross_validation": validated})["split"] == "test"
    assert in_front({"split": "validation", "cross_validation": validated}) is validated
    assert in_front({"split": "validation"})["split"] == "validation"
