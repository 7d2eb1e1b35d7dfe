"""Dates as people write them: each pattern reads its own order, with or without a time, and nothing else."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.columns.dates import PATTERNS, DateForm, is_calendar_day
from noria.errors import UserError

MOMENT = datetime.datetime(2023, 4, 8, 20, 11)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("%Y-%m-%d", "2023-04-08T20:11"),
        ("%Y-%m-%d", "2023-04-08 20:11:00.000"),
        ("%d/%m/%Y", "08/04/2023 20:11"),
        ("%d/%m/%Y", "8/4/2023 20:11"),
        ("%m/%d/%Y", "04/08/2023 08:11 PM"),
        ("%m/%d/%Y", "4/8/2023, 8:11pm"),
        ("%d.%m.%Y", "08.04.2023 20:11"),
        ("%d/%m/%y", "08/04/23 20:11"),
        ("%d %b %Y", "8 Apr 2023 20:11"),
        ("%d %b %Y", "08-Apr-2023 20:11"),
        ("%d %b %Y", "Sat, 8 April 2023 20:11:00"),
        ("%d %b %Y", "8. April 2023 20:11"),
        ("%d %b %Y", "8 avril 2023 20:11"),
        ("%b %d %Y", "April 8, 2023 8:11 p.m."),
        ("%Y年%m月%d日", "2023年4月8日 20:11"),
        ("%Y年%m月%d日", "2023年4月8日 20时11分"),
        ("%Y/%m/%d", "2023/04/08 20:11:00"),
        ("%Y%m%d", "20230408 20:11"),
    ],
)
def test_a_pattern_reads_its_dates(pattern, text):
    assert DateForm(pattern, ()).read(text) == MOMENT


@pytest.mark.parametrize(
    ("month", "written"),
    [(3, "März"), (5, "mayo"), (6, "juin"), (7, "juillet"), (8, "août"), (10, "Okt."), (12, "dic"), (1, "ene")],
)
def test_months_have_their_names_of_several_languages(month, written):
    assert DateForm("%d %b %Y").read(f"3 {written} 2021") == datetime.datetime(2021, month, 3)


def test_minutes_seconds_and_offsets_are_kept():
    form = DateForm("%d/%m/%Y")
    assert form.read("08/04/2023 20:11:32") == MOMENT.replace(second=32)
    moment = form.read("08/04/2023 20:11 +02:00")
    assert moment is not None
    assert moment.utcoffset() == datetime.timedelta(hours=2)


def test_a_time_alone_is_a_time_of_the_day():
    form = DateForm("")
    assert [form.read(text).time() for text in ("08:30", "8:30 PM", "23:59:59")] == [
        datetime.time(8, 30),
        datetime.time(20, 30),
        datetime.time(23, 59, 59),
    ]


@pytest.mark.parametrize(
    "text", ["31/02/2023", "13/13/2023", "08/04/2023 25:00", "08/04/2023 13:00 PM", "8 Foo 2023", "x"]
)
def test_what_is_no_date_is_none(text):
    assert [DateForm(pattern).read(text) for pattern in PATTERNS] == [None] * len(PATTERNS)


def test_two_digit_years_begin_in_1969():
    form = DateForm("%d.%m.%y")
    assert [form.read(text).year for text in ("01.01.68", "01.01.69")] == [2068, 1969]


@given(st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2060, 1, 1)), st.sampled_from(PATTERNS[:-1]))
def test_a_date_written_by_strftime_comes_back(moment, pattern):
    read = DateForm(pattern, ()).read(moment.strftime(f"{pattern} %H:%M:%S"))
    expected = datetime.datetime.strptime(moment.strftime(f"{pattern} %H:%M:%S"), f"{pattern} %H:%M:%S")
    assert read == expected


def test_eight_digits_are_a_day_where_the_calendar_has_it():
    assert is_calendar_day("20230408")
    assert not any(map(is_calendar_day, ["20231308", "30230408", "2023040", "20230230"]))


@pytest.mark.parametrize(
    ("said", "pattern"), [("%d/%m/%Y", "%d/%m/%Y"), ("%d/%m/%Y %H:%M", "%d/%m/%Y"), ("%B %d %Y", "%b %d %Y")]
)
def test_a_pattern_may_come_with_its_time(said, pattern):
    assert DateForm.like(said).pattern == pattern


@pytest.mark.parametrize("said", ["%H:%M", "%d/%m", "%Q", "day/month"])
def test_a_pattern_that_says_no_date_is_refused(said):
    with pytest.raises(UserError, match="no form of a date"):
        DateForm.like(said)
