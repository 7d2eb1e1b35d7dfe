"""Folds of cross-validation: every record is test in one of them, with what belongs to it, and validation is drawn as
ever."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from noria.errors import UserError
from noria.job.data import Split
from noria.job.load import load_job
from noria.preparation.division import LEFT_OUT, TEST, TRAIN, VALIDATION, Division, divide
from noria.stages.prepare import prepare
from noria.types import Rows


def divided(
    values: Sequence[object], split: Split, stated: Sequence[str] = (), group: Sequence[object] = ()
) -> Division:
    columns: dict[str, Sequence[object]] = {"value": list(values)}
    columns |= {"part": stated} if stated else {}
    columns |= {"who": group} if group else {}
    return divide([Rows(columns, "a.csv", range(len(values)))], split, ["value"], "a.csv")


def folds(values: Sequence[object], count: int, stated: Sequence[str] = (), group: Sequence[object] = ()) -> np.ndarray:
    settings = ({"column": "part"} if stated else {}) | ({"group": "who"} if group else {})
    splits = [Split(fold=f"{fold}/{count}", **settings) for fold in range(1, count + 1)]  # type: ignore[arg-type]
    return np.stack([divided(values, split, stated, group).sides for split in splits])


@pytest.mark.parametrize(("total", "count"), [(303, 5), (20, 20), (7, 3), (1000, 2)])
def test_every_record_is_test_in_exactly_one_fold(total: int, count: int) -> None:
    sides = folds(range(total), count)
    assert ((sides == TEST).sum(0) == 1).all()
    sizes = (sides == TEST).sum(1)
    assert sizes.max() - sizes.min() <= 1
    assert ((sides == TRAIN).sum(1) > 0).all()


def test_validation_is_its_share_of_what_is_outside_of_a_fold() -> None:
    sides = folds(range(500), 5)
    assert (sides == VALIDATION).sum(1).tolist() == [40] * 5
    assert not (folds(range(500), 5) == LEFT_OUT).any()


def test_even_few_records_leave_some_for_validation_and_for_training() -> None:
    sides = folds(range(3), 3)
    assert [sorted(row) for row in sides.tolist()] == [[TRAIN, VALIDATION, TEST]] * 3


def test_records_that_are_equal_and_those_of_one_group_are_in_one_fold() -> None:
    of_value = (folds([index % 40 for index in range(200)], 4) == TEST).argmax(0)
    assert all(len(set(of_value[value::40])) == 1 for value in range(40))
    of_group = (folds(range(200), 4, group=[f"patient {index % 12}" for index in range(200)]) == TEST).argmax(0)
    assert all(len(set(of_group[one::12])) == 1 for one in range(12))
    assert np.bincount(of_group[:12]).tolist() == [3, 3, 3, 3]


def test_records_of_one_block_are_in_one_fold() -> None:
    sides = np.stack([divided(range(60), Split(fold=f"{fold}/3", block=5)).sides for fold in (1, 2, 3)])
    of_block = (sides == TEST).argmax(0).reshape(12, 5)
    assert (of_block == of_block[:, :1]).all()
    assert np.bincount(of_block[:, 0]).tolist() == [4, 4, 4]


def test_a_fold_does_not_change_with_the_order_of_the_records() -> None:
    values = [f"record {index}" for index in range(60)]
    forth, back = folds(values, 5), folds(values[::-1], 5)
    assert np.array_equal(forth, back[:, ::-1])


def test_what_the_source_keeps_for_test_is_in_no_fold_and_its_validation_is_shared_out() -> None:
    stated = ["train"] * 60 + ["validation"] * 20 + ["test"] * 20
    sides = folds(range(100), 4, stated)
    assert (sides[:, 80:] == LEFT_OUT).all()
    assert ((sides[:, :80] == TEST).sum(0) == 1).all()
    found = divided(range(100), Split(fold="1/4", column="part"), stated)
    assert found.notes == ["20 records that the data itself keeps for test are in no fold"]


def test_more_folds_than_groups_are_refused_with_how_many_there_may_be() -> None:
    group = ["a", "b", "c"] * 20
    with pytest.raises(UserError, match=r"evaluate\.folds=3"):
        folds(range(60), 5, group=group)
    assert ((folds(range(60), 3, group=group) == TEST).sum(0) == 1).all()
    with pytest.raises(UserError, match=r"leave evaluate\.folds out"):
        folds(["same"] * 9, 5)


@pytest.mark.parametrize("fold", ["0/5", "6/5", "1/1", "1/21", "2", "a/b", "1/5 "])
def test_a_fold_that_is_none_is_refused(fold: str) -> None:
    with pytest.raises(ValueError, match="2/5 for the second of five"):
        Split(fold=fold)


def test_a_fold_is_not_drawn_where_records_are_divided_by_place() -> None:
    with pytest.raises(ValueError, match="order or fold"):
        Split(fold="1/5", order=True)


def test_groups_that_the_data_itself_parts_are_told(tmp_path: Path) -> None:
    rows = [f"{i * 0.37:.2f},p{i // 3},{i % 2},{['train', 'test'][i % 3 == 0]}" for i in range(120)]
    (tmp_path / "t.csv").write_text("\n".join(["a,pid,label,side", *rows]) + "\n", "utf-8")
    data = {"path": str(tmp_path / "t.csv"), "fields": {"label": "label"}}

    def notes(**split: str) -> list[str]:
        job, task = load_job({"task": "tabular-classification", "data": {**data, "split": {"group": "pid", **split}}})
        return [one for one in prepare(job, task).report["notes"] if "several splits" in one]

    assert notes(column="side") == ["40 of 40 values of 'pid' stand in several splits: the data divides so"]
    assert notes() == []
