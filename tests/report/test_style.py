"""Text can be read on both schemes: the contrasts of WCAG 2.2, computed from page.css."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from noria.report.matrix import STRONGEST

CSS = files("noria.report").joinpath("page.css").read_text("utf-8")
LIGHT, DARK = (dict(re.findall(r"--(\w+): (#\w{6});", part)) for part in CSS.split("@media (prefers-color-scheme")[:2])
SCHEMES = {"light": LIGHT, "dark": DARK}


def rgb(color: str) -> list[float]:
    return [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def luminance(color: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def info_nce(one: list[float], other: list[float]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_both_schemes_set_the_same_colors(scheme: str) -> None:
    assert set(SCHEMES[scheme]) == set(LIGHT)
    assert len(LIGHT) == 16


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("text", ["ink", "soft", "accent", "warning"])
def test_text_has_a_contrast_of_four_and_a_half(scheme: str, text: str) -> None:
    colors = SCHEMES[scheme]
    for ground in ("page", "panel"):
        assert info_nce(rgb(colors[text]), rgb(colors[ground])) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("tone", ["right", "wrong"])
def test_counts_can_be_read_on_the_strongest_cell(scheme: str, tone: str) -> None:
    colors = SCHEMES[scheme]
    pairs = zip(rgb(colors[tone]), rgb(colors["page"]), strict=True)
    cell = [STRONGEST * over + (1 - STRONGEST) * under for over, under in pairs]
    assert info_nce(rgb(colors["ink"]), cell) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("line", [f"s{i}" for i in range(6)])
def test_lines_have_a_contrast_of_three(scheme: str, line: str) -> None:
    assert info_nce(rgb(SCHEMES[scheme][line]), rgb(SCHEMES[scheme]["page"])) >= 3
