"""Amounts in words."""

from __future__ import annotations

import pytest

from noria.units import count_of, operations


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (12, "12 FLOP"),
        (820e6, "820 MFLOP"),
        (999.7e9, "1 TFLOP"),
        (1.23e12, "1.23 TFLOP"),
        (0.29e15, "0.29 PFLOP"),
        (31e15, "31.00 PFLOP"),
    ],
)
def test_operations_are_told_in_the_unit_that_people_compare_them_in(count: float, expected: str) -> None:
    assert operations(count) == expected


def test_one_thing_is_told_in_the_singular() -> None:
    assert [count_of(count, "record") for count in (0, 1, 2100)] == ["0 records", "1 record", "2,100 records"]
