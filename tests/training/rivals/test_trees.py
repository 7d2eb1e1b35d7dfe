"""Trees as plain arrays answer as those of scikit-learn do that they were made of; what no record shows is not sure."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import roc_auc_score
from torch import nn

from noria.model.regression import Answers
from noria.model.tree_part import LEAST_CHANCE, Link, TreePart, Trees
from noria.training.rivals import forest
from noria.training.rivals import trees as boosted
from noria.training.rivals.forest import SHARE, TREES, fit_forest
from noria.training.rivals.trees import fit_trees

GENERATOR = np.random.default_rng(0)
IS_CODE = np.array([False] * 4 + [True] * 2)


def rows_of(count: int, codes: int) -> np.ndarray:
    """Return numbers with holes, then two columns of codes; the more of them, the more that training has not seen."""
    rows = GENERATOR.normal(size=(count, 6)).astype(np.float32)
    rows[:, 4:] = GENERATOR.integers(2, codes, (count, 2))
    rows[:, :4][GENERATOR.random((count, 4)) < 0.1] = np.nan
    return rows


ROWS, OTHERS = rows_of(300, 14), rows_of(100, 17)
SIGNAL = np.nan_to_num(ROWS[:, 0]) + 2 * np.isin(ROWS[:, 4], [3, 5, 9]) + np.isnan(ROWS[:, 1])
CLASSES = np.digitize(SIGNAL, [0.0, 1.0])
LABELS = np.stack([SIGNAL > 1, ROWS[:, 2] > 0], 1).astype(np.float32)
CODES_FIRST = [4, 5, 0, 1, 2, 3]


class Columns(nn.Module):
    """A tabulator: the columns as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.is_code = IS_CODE.tolist()

    def forward(self, arrays: dict[str, torch.Tensor]) -> torch.Tensor:
        return arrays["rows"]


def part_of(trees: Trees, answers: int, link: Link = "sum") -> TreePart:
    part = TreePart({"table": Columns()}, answers, link)
    part.take(trees)
    return part


def asked(part: TreePart, rows: np.ndarray = OTHERS) -> np.ndarray:
    return part({"table": {"rows": torch.from_numpy(rows)}}).numpy()


def learner(kind: type) -> HistGradientBoostingClassifier | HistGradientBoostingRegressor:
    return kind(categorical_features=np.arange(6) < 2, **boosted.GROWING)


def test_boosted_trees_give_the_numbers_of_their_origin() -> None:
    part = part_of(fit_trees(ROWS, IS_CODE, Answers(SIGNAL.astype(np.float64), 0)), 1)
    origin = learner(HistGradientBoostingRegressor).fit(ROWS[:, CODES_FIRST], SIGNAL)
    np.testing.assert_allclose(asked(part)[:, 0], origin.predict(OTHERS[:, CODES_FIRST]), atol=1e-5)
    assert part.is_left.shape[1] == 15, "codes 0 to 13, and what is not known"


@pytest.mark.parametrize("values", [CLASSES > 0, CLASSES])
def test_boosted_trees_give_the_probabilities_of_their_origin(values: np.ndarray) -> None:
    count = int(values.max()) + 1
    found = asked(part_of(fit_trees(ROWS, IS_CODE, Answers(values.astype(np.int64), count + 1)), count + 1))
    origin = learner(HistGradientBoostingClassifier).fit(ROWS[:, CODES_FIRST], values)
    chances = torch.from_numpy(found).softmax(1).numpy()
    np.testing.assert_allclose(chances[:, :count], origin.predict_proba(OTHERS[:, CODES_FIRST]), atol=1e-4)
    assert chances[:, count].max() < 1e-3, "a class that no record has"


def test_a_forest_gives_the_numbers_of_its_origin() -> None:
    part = part_of(fit_forest(ROWS, Answers(SIGNAL.astype(np.float64), 0)), 1)
    origin = RandomForestRegressor(TREES, max_features=SHARE, random_state=0).fit(np.nan_to_num(ROWS), SIGNAL)
    np.testing.assert_allclose(asked(part)[:, 0], origin.predict(np.nan_to_num(OTHERS)), atol=1e-5)


def test_a_forest_gives_the_probabilities_of_its_origin_and_rules_no_class_out() -> None:
    found = np.exp(asked(part_of(fit_forest(ROWS, Answers(CLASSES, 4)), 4, "classes")))
    origin = RandomForestClassifier(TREES, random_state=0).fit(np.nan_to_num(ROWS), CLASSES)
    expected = origin.predict_proba(np.nan_to_num(OTHERS)).clip(LEAST_CHANCE)
    np.testing.assert_allclose(found[:, :3], expected, atol=1e-5)
    np.testing.assert_allclose(found[:, 3], LEAST_CHANCE, rtol=1e-5)


@pytest.mark.parametrize("is_forest", [True, False])
def test_each_label_is_learnt_from_the_records_of_which_it_is_known(is_forest: bool) -> None:
    holes = np.concatenate([LABELS, np.ones((300, 1)), np.full((300, 1), np.nan)], 1)
    holes[:150, 1] = np.nan
    answers = Answers(holes, 0)
    found = fit_forest(ROWS, answers) if is_forest else fit_trees(ROWS, IS_CODE, answers)
    given = asked(part_of(found, 4, "labels" if is_forest else "sum"))
    assert roc_auc_score(OTHERS[:, 2] > 0, given[:, 1]) > 0.9
    alone = Answers(LABELS[150:, 1:], 0)
    half = fit_forest(ROWS[150:], alone) if is_forest else fit_trees(ROWS[150:], IS_CODE, alone)
    np.testing.assert_allclose(asked(part_of(half, 1, "labels" if is_forest else "sum"))[:, 0], given[:, 1], atol=1e-4)
    assert given[:, 2].min() > 5, "a label that always holds"
    np.testing.assert_allclose(given[:, 3], 0, atol=1e-6, err_msg="a label that is never known")


@pytest.mark.parametrize("is_forest", [True, False])
def test_each_of_several_numbers_is_learnt_from_the_records_of_which_it_is_known(is_forest: bool) -> None:
    holes = np.stack([SIGNAL, np.nan_to_num(ROWS[:, 2]), np.full(300, 2.5), np.full(300, np.nan)], 1)
    holes[:150, 1] = np.nan
    several = Answers(holes, 0, are_numbers=True)
    given = asked(part_of(fit_forest(ROWS, several) if is_forest else fit_trees(ROWS, IS_CODE, several), 4))
    for place, known in ((0, slice(None)), (1, slice(150, None))):
        one = Answers(holes[known, place], 0)
        alone = fit_forest(ROWS[known], one) if is_forest else fit_trees(ROWS[known], IS_CODE, one)
        np.testing.assert_allclose(given[:, place], asked(part_of(alone, 1))[:, 0], atol=1e-4)
    np.testing.assert_allclose(given[:, 2:], [[2.5, 0.0]] * len(given), atol=1e-6, err_msg="one value, and none")


def test_columns_that_are_all_alike_are_answered_by_the_mean() -> None:
    same = np.zeros((9, 6), np.float32)
    for trees in (fit_forest(same, Answers(np.arange(9.0), 0)), fit_trees(same, IS_CODE, Answers(np.arange(9.0), 0))):
        assert asked(part_of(trees, 1), same)[0, 0] == pytest.approx(4, abs=0.5)


def test_a_record_is_answered_alone_as_among_others_and_after_saving() -> None:
    part = part_of(fit_trees(ROWS, IS_CODE, Answers(CLASSES, 3)), 3)
    whole = asked(part)
    np.testing.assert_allclose(asked(part, OTHERS[7:8])[0], whole[7], atol=1e-6)
    again = TreePart({"table": Columns()}, 3, "sum")
    again.load_state_dict(part.state_dict())
    np.testing.assert_array_equal(asked(again), whole)


def test_arrays_that_are_no_trees_are_refused() -> None:
    """What would be asked for without end, or beyond what there is, is told when it is loaded."""
    part = part_of(fit_trees(ROWS, IS_CODE, Answers(SIGNAL.astype(np.float64), 0)), 1)
    whole = {name: value.clone() for name, value in part.state_dict().items()}
    inner = int((part.left != torch.arange(len(part.left))).nonzero()[-1])
    for name, place, value in (("left", inner, 0), ("left", inner, 10**6), ("feature", 0, 6), ("answer", 0, 1)):
        broken = {key: one.clone() for key, one in whole.items()}
        broken[name][place] = value
        with pytest.raises(ValueError, match="do not fit one another"):
            part.load_state_dict(broken)
    with pytest.raises(ValueError, match="do not fit one another"):
        part.load_state_dict({**whole, "value": whole["value"][:-1]})


def test_a_category_of_too_many_codes_is_read_as_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosted, "MOST_CODES", 3)
    found = fit_trees(ROWS, IS_CODE, Answers(SIGNAL.astype(np.float64), 0))
    assert not len(found.is_left)
    assert np.corrcoef(asked(part_of(found, 1), ROWS)[:, 0], SIGNAL)[0, 1] > 0.9


def test_of_a_forest_that_is_too_large_fewer_trees_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit_forest(ROWS, Answers(LABELS, 0))
    monkeypatch.setattr(forest, "MOST_NODES", len(whole.left) // 4)
    fewer = fit_forest(ROWS, Answers(LABELS, 0))
    assert len(whole.left) // 8 < len(fewer.left) <= len(whole.left) // 4
    assert np.unique(fewer.answer, return_counts=True)[1].min() > 20
    one, other = (asked(part_of(trees, 2, "labels"), ROWS) for trees in (whole, fewer))
    assert np.abs(1 / (1 + np.exp(-one)) - 1 / (1 + np.exp(-other))).max() < 0.2, "still a mean of the trees"
