"""One form a column: what fits all values wins, what another column shows decides, what was chosen is said."""

from __future__ import annotations

import datetime
import random
import shlex
from typing import Any

import pytest

from noria.columns import NumberForm, category_form, form_of, number_form, read_table
from noria.columns.cells import text_of
from noria.columns.reading import Column
from noria.errors import UserError
from noria.job.text import parse_override

LUCK = random.Random(0)
DAYS = [datetime.date(2020, 1, 1) + datetime.timedelta(LUCK.randrange(1000)) for _ in range(200)]
EARLY = [day for day in DAYS if day.day <= 12]


def read(cells: list[Any], form: str | None = None, **others: list[Any]) -> Column:
    return read_table({"a": cells, **others}, {}, {} if form is None else {"a": form})["a"]


@pytest.mark.parametrize(
    ("cells", "kind", "form"),
    [
        ([f"${1000 + i % 37:,}.50" for i in range(99)], "number", "like 1,234.5, in $"),
        ([f"{i % 37}.5%" for i in range(99)], "number", "like 1234.5, in %"),
        ([f"{i % 37},5" for i in range(99)], "number", "like 1.234,5"),
        ([f"1.{i % 37:03},5" for i in range(99)], "number", "like 1.234,5"),
        ([f"{i % 37} kg" for i in range(99)], "number", "like 1234.5, in kg"),
        ([f"{i % 37:05}" for i in range(99)], "category", "text"),  # leading zeros
        ([f"{i % 37}_1" for i in range(99)], "category", "text"),
        (["true", "True", "FALSE"] * 33, "category", "FALSE or true"),
        ([True, False] * 50, "category", "False or True"),
        (["Y", "N", "NA"] * 33, "category", "N or Y"),
        (["1", "0"] * 50, "category", "0 or 1"),
        (["m", "f"] * 50, "category", "text"),
        (["1.0", "2", 3] * 33, "category", "codes that are numbers"),
        (["1", "2", "3", "other"] * 33, "category", "codes that are numbers"),
        ([day.strftime("%Y%m%d") for day in DAYS], "date", "%Y%m%d"),
        ([day.strftime("%d/%m/%Y") for day in DAYS], "date", "%d/%m/%Y"),
        ([day.strftime("%m/%d/%Y") for day in DAYS], "date", "%m/%d/%Y"),
        ([day.strftime("%d/%m/%y") for day in DAYS], "date", "%d/%m/%y"),
        ([day.strftime("%y/%m/%d") for day in DAYS], "date", "%y/%m/%d"),
        ([day.strftime("%d-%m-%Y") for day in DAYS], "date", "%d-%m-%Y"),
        ([day.strftime("%b %Y") for day in DAYS], "date", "%b %Y"),
        ([f"{i % 24}:{i % 60:02}" for i in range(99)], "date", "times of day"),
        ([["a"], ["b"], ["a"]] * 9, "category", "text"),  # lists of JSON
    ],
)
def test_the_form_that_fits_all_values_wins(cells, kind, form):
    column = read(cells)
    assert (column.kind, str(column.form), column.remark, column.left_out) == (kind, form, "", "")


def test_where_two_orders_of_a_date_fit_it_is_said_which_was_taken_and_the_advice_works():
    cells = [day.strftime("%d/%m/%Y") for day in EARLY]
    column = read(cells)
    assert str(column.form) == "%m/%d/%Y"
    assert "; to choose: 'inputs.table.forms={a: \"%d/%m/%Y\"}'" in column.remark
    chosen = read(cells, "%d/%m/%Y")
    assert (str(chosen.form), chosen.remark) == ("%d/%m/%Y", "")


def test_where_two_orders_fit_another_column_decides():
    cells = [day.strftime("%d/%m/%Y") for day in EARLY]
    shown = [day.strftime("%d.%m.%Y") for day in DAYS[: len(EARLY)]]
    assert str(read(cells, b=shown).form) == "%d/%m/%Y"


def test_where_two_marks_fit_it_is_said_which_was_taken_and_the_advice_works():
    cells = [f"{1 + i % 37},{i % 1000:03}" for i in range(99)]
    column = read(cells)
    assert column.form.read("1,500") == 1500
    assert "'1,000' is read as 1000, not as 1" in column.remark
    assert 'inputs.table.forms={a: "1.234,5"}' in column.remark
    assert read(cells, "1.234,5").form.read("1,500") == 1.5


def test_where_two_marks_fit_another_column_decides():
    cells = [f"{1 + i % 37},{i % 1000:03}" for i in range(99)]
    assert read(cells, b=[f"{i % 37},5" for i in range(99)]).form.read("1,500") == 1.5
    assert (
        read([f"{1 + i % 37}.250" for i in range(99)], b=[f"{i % 37},5" for i in range(99)]).form.read("1.250") == 1250
    )


def test_words_of_missing_numbers_are_missing_and_told_but_a_country_is_a_country():
    numbers = read([*map(str, range(50)), "NA", "n/a", ""] * 2)
    assert (numbers.kind, numbers.absent) == ("number", {"NA": 2, "n/a": 2, "": 2})
    countries = read(["NA", "DE", "", "ZA"] * 9)
    assert countries.form.read("NA") == "NA"
    assert countries.absent == {"": 9}
    assert countries.remark == "'NA' (9) is a category of its own; an empty cell is missing"


def test_a_few_words_among_numbers_are_missing_and_told():
    column = read([*[f"{i % 37}.5" for i in range(90)], *["not measured"] * 10])
    assert column.kind == "number"
    assert column.absent == {"not measured": 10}
    assert column.remark == "'not measured' among numbers is read as missing"
    assert column.form.is_absent("not measured")


@pytest.mark.parametrize(
    "cells",
    [
        [f"this is what customer {i} has said" for i in range(100)],
        [f"这家酒店的第{i}个房间很干净，服务也很好" for i in range(100)],
    ],
)
def test_cells_of_many_words_that_differ_are_texts(cells):
    column = read(cells)
    assert (column.kind, column.left_out) == ("text", "")
    assert column.form == form_of(column.form.content)


def test_a_few_sentences_that_stand_again_and_again_are_categories():
    assert read(["I agree with all of it", "I do not agree with it at all"] * 20).kind == "category"


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (list(range(100)), "counts the records"),
        ([str(700_000 + i) for i in range(100)], "counts the records"),
        ([7 * i for i in range(100)], "counts the records"),
        (sorted(LUCK.sample(range(10**9), 60)), "counts the records"),  # in the order of the file
        (LUCK.sample(range(1000), 800), "counts the records"),  # the training share of a shuffled table
        ([f"id-{i}" for i in range(100)], "names each record"),
        ([f"{i:07}" for i in range(100)], "names each record"),
        ([*["ten"] * 30, *[str(i + 0.5) for i in range(40)]], "is neither numbers (40 of 70) nor a few categories"),
    ],
)
def test_a_column_left_out_although_its_values_differ_has_a_reason(cells, reason):
    column = read(cells)
    assert column.kind == "ignore"
    assert column.left_out.startswith(reason)


@pytest.mark.parametrize(
    "cells",
    [
        [LUCK.randrange(18, 90) for _ in range(60)],
        LUCK.sample(range(10**6), 60),  # all different, but by chance
        [LUCK.gauss(0, 1) for _ in range(100)],
        [i / 10 for i in range(100)],
        list(range(10)),
    ],
)
def test_numbers_that_count_nothing_are_kept(cells):
    assert (read(cells).kind, read(cells).left_out) == ("number", "")


@pytest.mark.parametrize("name", ["id", "ID", "customer_id", "customer ID", "customerId", "客户编号", "uuid"])
def test_different_whole_numbers_under_the_name_of_an_identifier_name_the_records(name):
    cells = LUCK.sample(range(10**9), 60)
    assert read_table({name: cells}, {}, {})[name].left_out == "names each record by a number"


@pytest.mark.parametrize("name", ["humid", "paid", "grid", "acid", "Madrid"])
def test_a_name_that_only_ends_like_one_does_not(name):
    cells = LUCK.sample(range(10**9), 60)
    assert read_table({name: cells}, {}, {})[name].kind == "number"


def test_whole_numbers_too_long_for_a_float_name_the_records():
    cells = [str(10**18 + LUCK.randrange(10**17)) for _ in range(60)]
    assert read(cells).left_out == "names each record by a number"


def test_years_are_kept():
    assert read_table({"Year": [*range(1980, 2020)]}, {}, {})["Year"].kind == "number"


@pytest.mark.parametrize("cell", [2, 2.0, "2", "2.0", " 2 ", "2.00"])
def test_equal_numbers_are_one_category(cell):
    assert category_form(["1", "2", "3"]).read(cell) == "2"


@pytest.mark.parametrize("cell", [True, "true", "True", "TRUE", "yes", 1, "1", 1.0])
def test_equal_truths_are_one_category_named_as_in_training(cell):
    assert category_form(["true", "false", "true"]).read(cell) == "true"
    assert category_form([True, False]).read(cell) == "True"
    assert category_form(["1", "0"]).read(cell) == "1"


def test_texts_that_look_the_same_are_the_same():
    assert text_of("Zu\u0308rich ") == text_of("Z\u00fcrich")
    assert category_form(["Zu\u0308rich", "Bern"]).read("Z\u00fcrich") == "Z\u00fcrich"


def test_codes_stay_codes():
    form = category_form(["007", "7", "123"])
    assert [form.read(cell) for cell in ("007", "7")] == ["007", "7"]


@pytest.mark.parametrize("cells", [["1.234,5"], ["$5", "$7.5"], ["5"], ["1,5", "2,5"], ["none"], []])
def test_the_form_of_an_answer_is_kept_and_comes_back(cells):
    form, _ = number_form(cells)
    assert form_of(form.content) == form


def test_an_answer_without_a_form_is_plain():
    assert number_form(["red", "blue"]) == (NumberForm(), "")


def test_answers_that_can_be_read_in_two_ways_say_so():
    form, remark = number_form([f"{1 + i % 37},{i % 1000:03}" for i in range(99)])
    assert form.read("7,167") == 7167
    assert "to choose: target.form='\"1.234,5\"'" in remark


@pytest.mark.parametrize("cells", [["126 cm", "1.30 m"] * 9, ["$5", "€7"] * 9, ["219k", "111m", "5k"] * 9])
def test_numbers_of_several_units_are_no_numbers(cells):
    assert None in [number_form(cells)[0].read(cell) for cell in cells]


def test_values_without_the_unit_of_the_others_are_told():
    column = read([*[f"{i % 37}.5%" for i in range(90)], *[f"0.{i}" for i in range(10, 19)]])
    assert column.remark == "9 different values stand without %, as '0.10', and are read as they stand"


def test_money_with_three_decimals_or_thousands_says_which_it_is():
    assert "to choose" in read([f"{1 + i % 37}.{i % 1000:03} €" for i in range(99)]).remark


@pytest.mark.parametrize("name", ["my day, sent", "{d}", "a: b", "Größe"])
def test_what_is_advised_for_a_column_of_any_name_can_be_given(name):
    cells = [day.strftime("%d/%m/%Y") for day in EARLY]
    remark = read_table({name: cells}, {}, {})[name].remark
    (advised,) = shlex.split(remark.rpartition("to choose: ")[2])  # as a shell takes it
    keys, value = parse_override(advised)
    assert (keys, value) == (["inputs", "table", "forms"], {name: "%d/%m/%Y"})


@pytest.mark.parametrize("form", ["1234", "%H", "dd/mm/yyyy"])
def test_a_form_that_says_nothing_is_refused_with_its_column(form):
    with pytest.raises(UserError, match=r"inputs\.table\.forms: no form of a .*\n.*\n.*for column 'a'"):
        read(["1", "2"], form)
