"""Numbers as people write them: each form reads its own marks and units, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.columns.cells import NumberCell
from noria.columns.numbers import FORMS, NumberForm, is_code, is_plain_number
from noria.errors import UserError


@pytest.mark.parametrize(
    ("form", "text", "number"),
    [
        (NumberForm(), "-3.25", -3.25),
        (NumberForm(), "1e3", 1000),
        (NumberForm(), ".5", 0.5),
        (NumberForm(), "１２．５", 12.5),
        (NumberForm(), "−7", -7),  # the minus sign of typesetters
        (NumberForm(".", ","), "$14,878.39", 14878.39),
        (NumberForm(".", ","), "-$1,000", -1000),
        (NumberForm(".", ","), "$-1,000", -1000),
        (NumberForm(".", ","), "(1,234.50)", -1234.5),
        (NumberForm(".", ","), "12,34,567", 1234567),  # lakh and crore
        (NumberForm(".", ","), "1,234.5-", -1234.5),
        (NumberForm(",", "."), "1.234,56", 1234.56),
        (NumberForm(",", "."), "1.234,56 €", 1234.56),
        (NumberForm(",", " "), "1\u00a0234,5", 1234.5),
        (NumberForm(",", " "), "1\u202f234,5 zł", 1234.5),
        (NumberForm(".", "'"), "1’234.50", 1234.5),
        (NumberForm(), "10.6%", 10.6),
        (NumberForm(), "12 kg", 12),
        (NumberForm(), "€110.5M", 110.5e6),
        (NumberForm(), "€565K", 565e3),
        (NumberForm(), "3.5万", 35_000),
        (NumberForm(), 7, 7),
        (NumberForm(), Decimal("1.5"), 1.5),
        (NumberForm(), np.float32(1.5), 1.5),
    ],
)
def test_a_form_reads_its_own_numbers(form, text, number):
    assert form.fits(text)
    assert replace(form, unit=form.unit_of(text)).read(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["1_000", "1.2.3", "12:30", "2023-01-05", "seven", "", "--5", "1,2,3", "5 A 6", "٣x"])
def test_what_is_no_number_is_none_in_any_form(text):
    assert [form.read(text) for form in FORMS] == [None] * len(FORMS)


def test_a_group_of_digits_never_begins_with_zero():
    assert NumberForm(".", ",").read("0,123") is None
    assert NumberForm(",", ".").read("0,123") == 0.123


def test_another_unit_than_that_of_the_column_is_refused():
    assert NumberForm(unit="€").read("5 €") == 5
    assert NumberForm(unit="€").read("5") == 5
    assert NumberForm(unit="€").read("5 $") is None
    assert NumberForm().read("5 €") is None


@pytest.mark.parametrize("cell", ["1e400", 10**400])
def test_what_is_too_large_is_infinite(cell):
    assert NumberForm().read(cell) == math.inf


@given(st.floats(-1e12, 1e12, allow_nan=False), st.sampled_from(FORMS))
def test_a_number_written_in_a_form_comes_back(number, form):
    marks = {",": form.thousands, ".": form.decimal}
    written = "".join(marks.get(sign, sign) for sign in f"{number:,.3f}")
    assert form.read(written) == pytest.approx(round(number, 3), abs=1e-3)


def test_codes_lose_something_as_numbers():
    assert [is_code(text) for text in ("007", "02134", "-01", "7", "0", "0.5")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    assert not is_plain_number("007")


@pytest.mark.parametrize(
    ("example", "marks"),
    [("1.234,5", (",", ".")), ("1,234.5", (".", ",")), ("1234,5", (",", "")), ("1 234,5", (",", " "))],
)
def test_an_example_says_the_form(example, marks):
    form = NumberForm.like(example)
    assert (form.decimal, form.thousands) == marks


@pytest.mark.parametrize("example", ["1234", "comma", "1.2.3", ""])
def test_an_example_that_says_nothing_is_refused(example):
    with pytest.raises(UserError, match="no form of a number"):
        NumberForm.like(example)


def test_a_number_as_programs_write_it_is_read_in_a_form_of_commas_where_it_can_mean_nothing_else():
    form = NumberForm(",", ".")
    assert [form.read(text) for text in ("61.0", "735.4", "1.234", "1.234,5")] == [61, 735.4, 1234, 1234.5]
    assert not form.fits("61.0")


def test_a_cell_that_its_file_keeps_as_a_number_is_that_number_in_every_form():
    assert [form.read(NumberCell("735.393")) for form in FORMS] == [735.393] * len(FORMS)
