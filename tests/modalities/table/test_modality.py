"""Tables: each column is understood from its values, cells that cannot be used are named, rows come back."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest

from noria.errors import UserError
from noria.modalities.table.modality import ABSENT, RARE, Table

COLUMNS: dict[str, list[Any]] = {
    "年龄": [str(20 + i % 23) for i in range(30)],
    "收入": [f"{1000.5 * i:.1f}" if i % 5 else "缺失" for i in range(30)],
    "城市": (["北京", "上海", "广州"] * 10),
    "code": ["1", "2", "3"] * 10,
    "joined": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(30)],
    "constant": ["same"] * 30,
    "name": [f"person {i}" for i in range(30)],
    "empty": [""] * 30,
}
KINDS = {
    "年龄": "number",
    "收入": "number",
    "城市": "category",
    "code": "category",
    "joined": "date",
    "constant": "ignore",
    "name": "ignore",
    "empty": "ignore",
}


def column(cells: list[Any], **kinds: Any) -> Any:
    return Table(kinds=kinds).fit({"a": cells, "b": ["x", "y"] * (len(cells) // 2)})


def row(index: int, **changes: Any) -> dict[str, list[Any]]:
    return {name: [changes.get(name, cells[index])] for name, cells in COLUMNS.items()}


def test_kinds_are_inferred() -> None:
    assert Table().fit(COLUMNS)["kinds"] == KINDS


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["１２", "３４", "５．５", "７", "８", "９"], "number"),  # full-width digits
        (["1.5", "2.5", "1.5", "2.5"], "number"),  # few, but no whole numbers
        ([str(i % 6) for i in range(30)], "number"),  # six different ones are no codes
        ([1, 2, 3, 1], "category"),
        ([1.0, 2.0, 3.0, 1.0], "category"),
        (["2024/01/31", "2023/12/01"], "date"),
        (["31.01.2024", "01.12.2023"], "date"),
        (["2024年1月31日", "2023年12月1日"], "date"),
        (["2024-01-31T10:00:00", "2023-12-01T11:30:00+08:00"], "date"),
        ([datetime.date(2024, 1, 31), datetime.date(2023, 12, 1)], "date"),
        (["yes", "no", "n/a", "yes"], "category"),
        (["yes", "", "n/a", "yes"], "category"),  # which may mean no garage
        (["yes", "", "null", "yes"], "ignore"),
        ([True, False, True, False], "category"),
    ],
)
def test_a_column_is_what_its_values_are(cells: list[Any], kind: str) -> None:
    assert column(cells)["kinds"]["a"] == kind


def test_one_stray_word_of_many_leaves_a_column_numbers() -> None:
    cells = [str(i % 97) for i in range(199)] + ["unknown"]
    state = column(cells)
    assert state["kinds"]["a"] == "number"
    encoded = Table().encode({"a": cells, "b": ["x"] * 200}, state)
    assert encoded.bad == {199: "column 'a' should hold a number: 'unknown'"}


def test_a_number_of_another_form_is_told_the_form_of_the_column() -> None:
    cells = [f"{i % 97},5 €" for i in range(199)] + ["€ 12.50"]
    encoded = Table().encode({"a": cells, "b": ["x"] * 200}, column(cells))
    assert encoded.bad == {199: "column 'a' should hold a number like 1.234,5, in €: '€ 12.50'"}


def test_full_width_digits_are_the_numbers_they_show() -> None:
    state = column([str(i % 23) for i in range(30)])
    numbers = Table().encode({"a": ["１２", "12"], "b": ["x", "x"]}, state).arrays["numbers"]
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize(
    "cell", ["", " ", "?", "NA", "n/a", "NaN", "null", "None", "-", "缺失", "无", None, float("nan")]
)
def test_missing_cells_are_nan_or_the_place_of_the_absent(cell: Any) -> None:
    state = Table().fit(COLUMNS)
    encoded = Table().encode(row(3, 年龄=cell, 城市=cell, joined=cell), state)
    assert encoded.bad == {}
    numbers = dict(zip(state["names"]["numbers"], encoded.arrays["numbers"][0], strict=True))
    assert np.isnan(numbers["年龄"])
    assert np.isnan(numbers["joined.day"])
    assert not np.isnan(numbers["收入"])
    assert encoded.arrays["categories"][0, state["names"]["categories"].index("城市")] == ABSENT


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"年龄": "inf"}, "'年龄' is infinite or too large"),
        ({"年龄": "-Infinity"}, "'年龄' is infinite or too large"),
        ({"收入": "1e300"}, "'收入' is infinite or too large"),
        ({"年龄": 10**400}, "'年龄' is infinite or too large"),
        ({"年龄": "old"}, "'年龄' should hold a number: 'old'"),
        ({"joined": "yesterday"}, "'joined' should hold a date: 'yesterday'"),
        ({"joined": "2024-02-30"}, "'joined' should hold a date"),
    ],
)
def test_a_cell_that_cannot_be_used_is_named_with_its_column(changes: dict[str, Any], reason: str) -> None:
    state = Table().fit(COLUMNS)
    encoded = Table().encode(row(3, **changes), state)
    assert encoded.bad.keys() == {0}
    assert reason in encoded.bad[0]
    assert not encoded.arrays["numbers"].any()


@pytest.mark.parametrize("cell", ["inf", "1e300", "-1e300", 10**400])
def test_one_endless_number_in_training_does_not_spoil_its_column(cell: Any) -> None:
    plain = [str(i) for i in range(200)]
    state = column([*plain, *plain[:-2], cell, "7"])
    spread = state["numbers"]["a"]
    assert spread["spread"] == pytest.approx(np.std(range(200)), rel=0.02)
    assert np.isfinite(spread["edges"]).all()


def test_a_category_that_training_did_not_see_is_rare_and_so_is_one_it_saw_once() -> None:
    state = column(["red", "blue", "green"] * 10 + ["pink", "red"])
    assert state["categories"]["a"] == ["blue", "green", "red"]
    encoded = Table().encode({"a": ["red", "pink", "mauve", ""], "b": ["x"] * 4}, state).arrays["categories"][:, 0]
    assert encoded.tolist() == [4, RARE, RARE, ABSENT]


def test_a_code_is_one_category_however_it_is_written() -> None:
    state = column(["1", "2"] * 10)
    codes = Table().encode({"a": ["1", 1, 1.0, " 1 "], "b": ["x"] * 4}, state).arrays["categories"][:, 0]
    assert len(set(codes.tolist())) == 1
    assert codes[0] > ABSENT


def test_a_row_comes_back_from_its_arrays() -> None:
    state = Table().fit(COLUMNS)
    arrays = Table().encode(COLUMNS, state).arrays
    for index in range(30):
        back = Table().display({name: values[index] for name, values in arrays.items()}, state)
        assert back["年龄"] == pytest.approx(float(COLUMNS["年龄"][index]), rel=1e-5)
        assert (back["收入"] is None) == (COLUMNS["收入"][index] == "缺失")
        if back["收入"] is not None:
            assert back["收入"] == pytest.approx(float(COLUMNS["收入"][index]), rel=1e-4, abs=1e-2)
        assert back["城市"] == COLUMNS["城市"][index]
        assert back["code"] == COLUMNS["code"][index]


def test_a_date_becomes_the_parts_that_vary() -> None:
    state = Table().fit(COLUMNS)
    assert [name for name in state["numbers"] if name.startswith("joined")] == [
        "joined.day",
        "joined.month",
        "joined.weekday",
    ]
    day = datetime.date(2024, 5, 6)  # a Monday
    arrays = Table().encode(row(0, joined=day.isoformat()), state).arrays
    back = Table().display({name: values[0] for name, values in arrays.items()}, state)
    assert back["joined.month"] == pytest.approx(5, abs=1e-4)
    assert back["joined.weekday"] == pytest.approx(0, abs=1e-4)
    assert back["joined.day"] == pytest.approx(day.toordinal(), abs=1)


@pytest.mark.parametrize(
    "cells", [["7.5", "8.5", "-3.25"] * 10, ["red", "blue", "green"] * 10], ids=["number", "category"]
)
def test_a_column_named_like_a_part_of_a_date_stays_itself(cells: list[str]) -> None:
    columns: Any = {"d": COLUMNS["joined"], "d.day": cells, "d.day'": ["1.5", "2.5"] * 15}
    state = Table().fit(columns)
    names = [*state["numbers"], *state["categories"]]
    assert sorted(names) == ["d.day", "d.day'", "d.day''", "d.month", "d.weekday"]
    arrays = Table().encode(columns, state).arrays
    back = Table().display({name: values[2] for name, values in arrays.items()}, state)
    assert str(back["d.day"]) == cells[2]
    assert back["d.day'"] == pytest.approx(1.5)
    assert back["d.day''"] == pytest.approx(datetime.date(2024, 3, 3).toordinal(), abs=1)


def test_a_date_with_its_year_first_is_read_whatever_form_the_others_have() -> None:
    state = column(["31.01.2024", "01.12.2023", "30.11.2023", "05.05.2022"])
    written = ["2024-03-09", "2024/03/09", "09.03.2024", "20240309", "2024年3月9日", datetime.date(2024, 3, 9)]
    numbers = Table().encode({"a": written, "b": ["x"] * 6}, state).arrays["numbers"]
    assert (numbers == numbers[0]).all()
    assert not np.isnan(numbers).any()


def test_a_date_in_another_order_than_that_of_training_is_refused_rather_than_guessed() -> None:
    state = column(["2024-01-31", "2023-12-01", "2023-11-30", "2022-05-05"])
    assert Table().encode({"a": ["09.03.2024"], "b": ["x"]}, state).bad == {
        0: "column 'a' should hold a date: '09.03.2024' is none of the form %Y-%m-%d"
    }


def test_kinds_override_what_would_be_inferred() -> None:
    codes = [str(10_000 + i % 7) for i in range(30)]
    assert column(codes)["kinds"]["a"] == "number"
    assert len(column(codes, a="category")["categories"]["a"]) == 7
    assert column(codes, a="ignore")["kinds"]["a"] == "ignore"
    assert "a.month" in column([f"2024{1 + i % 9:02d}01" for i in range(30)], a="date")["numbers"]


def test_a_kind_for_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"inputs\.table\.kinds names no column: zip") as caught:
        Table(kinds={"zip": "category"}).fit({"age": ["1", "2"], "city": ["a", "b"]})
    assert caught.value.found == "age, city"


@pytest.mark.parametrize("kind", ["number", "date"])
@pytest.mark.parametrize("cells", [["red", "blue"] * 5, [""] * 10])
def test_a_kind_that_no_value_is_of_is_refused(kind: str, cells: list[str]) -> None:
    with pytest.raises(UserError, match=f"column 'a' holds no {kind}"):
        column(cells, a=kind)


def test_a_table_of_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(UserError, match="no column can be learnt from"):
        Table().fit({"constant": ["x"] * 30, "name": [f"n{i}" for i in range(30)]})


def test_numbers_are_standardised_by_training() -> None:
    state = Table().fit(COLUMNS)
    numbers = Table().encode(COLUMNS, state).arrays["numbers"]
    np.testing.assert_allclose(np.nanmean(numbers, 0), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(numbers, 0), 1, atol=1e-5)
    for spread in state["numbers"].values():
        assert np.all(np.diff(spread["edges"]) > 0)


def test_numpy_columns_are_read_as_lists_are() -> None:
    lists = {"a": [1.5, 2.5, float("nan"), 4.0] * 5, "b": ["x", "y"] * 10}
    arrays = {name: np.array(cells) for name, cells in lists.items()}
    assert Table().fit(lists) == Table().fit(arrays)


def test_bins_have_a_width_even_where_quantiles_almost_meet() -> None:
    numbers = [0.1 + 0.2, 0.3, 0.1 * 3, 0.7, 0.6 + 0.1, 1.1, 2.5] * 20
    state = Table(bins=64).fit({"x": [repr(number) for number in numbers], "y": [str(i % 9) for i in range(140)]})
    for spread in state["numbers"].values():
        assert min(np.diff(spread["edges"])) > 1e-7
