"""Axes hold their values and end at round numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.report.scale import axis, clipped, number, tight_axis, width_of

REAL = st.floats(-1e12, 1e12, allow_subnormal=False).map(lambda x: round(x, 6))


@given(st.lists(REAL, min_size=1, max_size=20))
def test_an_axis_holds_all_values_and_has_a_few_ticks(values: list[float]) -> None:
    scale = axis(values, 0, 100)
    slack = 1e-5 * (scale.high - scale.low)
    assert scale.low - slack <= min(values)
    assert max(values) <= scale.high + slack
    assert 2 <= len(scale.ticks) <= 9
    assert all(math.isfinite(scale(value)) for value in values)


@given(st.lists(REAL, min_size=1, max_size=20))
def test_a_tight_axis_ends_where_the_values_end(values: list[float]) -> None:
    scale = tight_axis(values, 0, 100)
    assert all(-1e-3 <= scale(value) <= 100 + 1e-3 for value in values)
    assert len(scale.ticks) >= 2


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=20))
def test_a_logarithmic_axis_holds_all_values(values: list[float]) -> None:
    scale = axis(values, 100, 0, logarithmic=True)
    assert all(-1e-6 <= scale(value) <= 100 + 1e-6 for value in values)


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (math.nan, "–"), (0.5, "0.5"), (1355, "1,355"), (0.123456, "0.1235"), (1e-7, "1e-07"), (-0.0, "0"),
     (12345.678, "12,346"), (2.0, "2")],
)  # fmt: skip
def test_numbers_are_short(value: float | None, said: str) -> None:
    assert number(value) == said


def test_chinese_letters_count_double() -> None:
    assert width_of("猫a") == pytest.approx(2.9)
    assert clipped("猫猫猫猫", 5) == "猫猫…"
    assert clipped("short", 5) == "short"
