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


def by_values(people: Sequence[object], classes: Sequence[str] = (), **more: object) -> Division:
    """Divide a record of each person named; eve and fay are test."""
    named = {"test": [one for one in ("eve", "fay") if one in people]}
    split = Split.model_validate({"column": "who", "values": named, **more})
    rows = Rows({"value": range(len(people)), "who": list(people), "class": list(classes)}, "a.csv", range(len(people)))
    known = (lambda chunk: chunk.columns["class"]) if classes else None
    return divide([rows], split, ["value"], "a.csv", classes=known)


def held_people(people: Sequence[object], found: Division) -> set[object]:
    return {who for who, side in zip(people, found.sides, strict=True) if side == VALIDATION}


PEOPLE = ["ann", "bob", "cas", "dan", "eve", "fay"]


@pytest.mark.parametrize("seed", range(8))
def test_where_test_is_named_by_people_validation_has_a_person_whom_training_lacks(seed: int) -> None:
    people = PEOPLE * 20
    found = by_values(people, seed=seed)
    of = {side: {who for who, own in zip(people, found.sides, strict=True) if own == side} for side in range(3)}
    assert of[TEST] == {"eve", "fay"}
    assert len(of[VALIDATION]) == 1
    assert of[TRAIN] == {"ann", "bob", "cas", "dan"} - of[VALIDATION]
    (held,) = of[VALIDATION]
    assert f"validation has whole values of who, as test has: {held}; data.split.values names" in " ".join(found.notes)


def test_which_people_are_held_out_follows_the_seed_and_not_the_order_of_the_records() -> None:
    people = PEOPLE * 20
    held = {tuple(np.flatnonzero(by_values(people, seed=seed).sides[:6] == VALIDATION)) for seed in range(20)}
    assert held == {(0,), (1,), (2,), (3,)}
    back = by_values(people[::-1], seed=3).sides[::-1]
    assert np.array_equal(by_values(people, seed=3).sides, back)


def test_of_many_values_as_many_are_held_out_as_the_share_of_validation_asks_for() -> None:
    people = [f"person {index % 50}" for index in range(1000)] + ["eve", "fay"]
    assert np.count_nonzero(by_values(people, validation=0.2).sides == VALIDATION) == 200
    found = by_values([f"person {index % 100}" for index in range(1000)] + ["eve", "fay"], validation=0.2)
    assert "..." in " ".join(found.notes)


@pytest.mark.parametrize("people", [["ann", "bob", "cas"], ["ann"]], ids=["each is a third", "one alone"])
def test_where_no_value_can_be_spared_validation_is_divided_record_by_record(people: list[str]) -> None:
    found = by_values([*people, "eve"] * 40)
    held, learnt = (np.flatnonzero(found.sides == side) % (len(people) + 1) for side in (VALIDATION, TRAIN))
    assert set(held) <= set(learnt)
    assert len(held)
    assert not any("whole values" in note for note in found.notes)


@pytest.mark.parametrize("seed", range(8))
def test_records_that_name_nobody_are_not_held_out_as_one_person(seed: int) -> None:
    found = by_values([None, "ann", "bob", " ", "cas", "dan", "eve", "ann", "bob", "cas", "dan"] * 20, seed=seed)
    assert not (found.sides[::11] == VALIDATION).any()
    assert (found.sides == VALIDATION).any()


@pytest.mark.parametrize(
    "more",
    [{"validation": 0}, {"block": 1}, {"values": {"test": ["eve", "fay"], "validation": ["ann"]}}],
    ids=["none wanted", "record by record", "named"],
)
def test_a_job_that_says_what_validation_is_has_that(more: dict[str, object]) -> None:
    found = by_values(PEOPLE * 40, **more)
    held = {PEOPLE[at % 6] for at in np.flatnonzero(found.sides == VALIDATION)}
    wanted = {0: set(), 1: {"ann", "bob", "cas", "dan"}}
    assert held == wanted.get(more.get("validation", more.get("block")), {"ann"})  # type: ignore[call-overload]
    assert not any("whole values" in note for note in found.notes)


def test_more_is_held_out_where_more_is_asked_for() -> None:
    for asked, count in ((0.1, 1), (0.3, 2), (0.5, 3)):
        people = [f"person {index % 5}" for index in range(100)] + ["eve"]
        assert len(held_people(people, by_values(people, validation=asked))) == count


@pytest.mark.parametrize("seed", range(6))
def test_people_who_are_named_for_training_stay_there(seed: int) -> None:
    values = {"test": ["eve", "fay"], "train": ["ann", "cas"]}
    assert held_people(PEOPLE * 20, by_values(PEOPLE * 20, seed=seed, values=values)) <= {"bob", "dan"}


def test_a_person_who_alone_has_a_class_stays_in_training() -> None:
    people = PEOPLE * 20
    plain = [str(index % 4 // 2) for index in range(len(people))]
    classes = ["rare" if who == "bob" and index < 60 else plain[index] for index, who in enumerate(people)]
    assert any(held_people(people, by_values(people, plain, seed=seed)) == {"bob"} for seed in range(20))
    for seed in range(20):
        assert len(held_people(people, by_values(people, classes, seed=seed)) - {"bob"}) == 1


@pytest.mark.parametrize("seed", range(6))
def test_validation_has_people_of_several_classes(seed: int) -> None:
    people = [f"person {index % 40}" for index in range(400)] + ["eve"]
    classes = ["sick" if int(who.split()[1]) < 20 else "well" for who in people[:-1]] + ["well"]
    found = by_values(people, classes, seed=seed, validation=0.025)
    assert {classes[at] for at in np.flatnonzero(found.sides == VALIDATION)} == {"sick", "well"}
    assert len(held_people(people, found)) >= 2
    assert any("whole values" in note for note in found.notes)


def assert_record_by_record(found: Division) -> None:
    assert 0.05 < (found.sides == VALIDATION).sum() / (found.sides != TEST).sum() < 0.15
    assert not any("whole values" in note for note in found.notes)


def test_people_of_whom_each_has_a_class_alone_are_divided_record_by_record() -> None:
    people = PEOPLE * 60
    assert_record_by_record(by_values(people, [str(who) for who in people]))


def test_people_who_are_too_many_records_to_hold_out_one_of_each_class_are_divided_record_by_record() -> None:
    people = PEOPLE * 60
    assert_record_by_record(by_values(people, ["sick" if who in ("ann", "bob") else "well" for who in people]))


def test_a_prepared_job_holds_out_nobody_who_alone_has_a_class(tmp_path: Path) -> None:
    rows = [f"{one * 37 % 600 / 7:.3f},{'abcd'[one % 4] + '0' * (one % 6)},{one % 6}" for one in range(600)]
    rows = [f"{row},{'odd' if row.endswith('3') and one % 5 else 'ny'[one // 7 % 2]}" for one, row in enumerate(rows)]
    (tmp_path / "a.csv").write_text("\n".join(["height,code,who,label", *rows]), "utf-8")
    split = {"column": "who", "values": {"test": [5]}}
    for seed in range(12):
        data = {"path": str(tmp_path / "a.csv"), "split": {**split, "seed": seed}}
        found = prepare(*load_job({"task": "tabular-classification", "data": data}))
        (told,) = [note for note in found.report["notes"] if "whole values" in note]
        assert "as test has: 3;" not in told
        assert found.report["records"]["validation"] == 100


def test_a_person_of_too_few_records_is_not_all_of_validation() -> None:
    assert_record_by_record(by_values(["ann"] * 600 + ["bob"] * 399 + ["cas"] + ["eve"] * 60))


def test_equal_records_of_several_people_stay_on_one_side() -> None:
    people = [PEOPLE[index // 100] for index in range(600)]
    rows = Rows({"value": [index % 100 for index in range(600)], "who": people}, "a.csv", range(600))
    found = divide([rows], Split(column="who", values={"test": ["eve", "fay"]}), ["value"], "a.csv")
    of_value = found.sides[:400].reshape(4, 100)
    assert (of_value == of_value[:1]).all()
    assert_record_by_record(found)


def test_what_the_source_keeps_together_is_not_parted_by_whom_it_is_from() -> None:
    people = [PEOPLE[index % 6] for index in range(600)]
    talks = [None if who in ("eve", "fay") else f"talk {index // 12}" for index, who in enumerate(people)]
    rows = Rows({"value": range(600), "who": people, "talk": talks}, "a.csv", range(600))
    found = divide([rows], Split(column="who", values={"test": ["eve", "fay"]}), ["value"], "a.csv", groups=["talk"])
    sides: dict[str, set[int]] = {}
    for talk, side in zip(talks, found.sides.tolist(), strict=True):
        sides.setdefault(str(talk), set()).add(side)
    assert all(len(own) == 1 for own in sides.values())
    assert any("records of one talk stay in one split" in note for note in found.notes)


def test_a_number_that_the_job_names_is_one_with_zeros_before_it() -> None:
    split = Split.model_validate({"column": "who", "values": {"test": [2, "07"]}})
    found = divided(range(5), split, group=["01", "02", "2", "07", "7"])
    assert np.flatnonzero(found.sides == TEST).tolist() == [1, 2, 3]
    with pytest.raises(UserError, match="no record has the who '7'"):
        divided(range(3), Split.model_validate({"column": "who", "values": {"test": ["7"]}}), group=["07", "02", "1"])
