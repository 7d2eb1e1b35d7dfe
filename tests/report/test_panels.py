"""Each kind of panel, and what it does with odd data."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from noria.report.markup import Markup
from noria.report.panels import panel
from report.reading import SVG

PANELS: dict[str, dict[str, Any]] = {
    "table": {"columns": ["类", "n", "share"], "rows": [["<a>", 3, 0.5], ["b", None, 0.25], ["c", 10_000, None]]},
    "matrix": {"rows": ["猫", "<狗>"], "columns": ["猫", "<狗>"], "values": [[120_000, 1], [0, 7]]},
    "curve": {"x": "x<1>", "y": "y", "lines": {"a": [[0, 1], [1, None]], "b": [[0, 2], [2, 3]]}, "diagonal": True},
    "bars": {"names": ["长的名字" * 9, "b"], "values": [-2.5, None], "unit": "<ms>"},
    "picture": {"svg": "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"},
}


def drawn(kind: str, data: dict[str, Any], classes: int = 0) -> ET.Element:
    made = panel({"kind": kind, "title": "T & <t>", "data": data, "note": "n < 3"}, classes)
    assert isinstance(made, Markup)
    return ET.fromstring(made)


@pytest.mark.parametrize("kind", PANELS)
def test_every_kind_is_drawn_with_its_title_and_note(kind: str) -> None:
    root = drawn(kind, PANELS[kind])
    said = " ".join(root.itertext())
    assert "T & <t>" in said
    assert "n < 3" in said


def test_a_picture_stands_as_data_in_which_nothing_runs() -> None:
    root = drawn("picture", PANELS["picture"])
    (image,) = (one for one in root.iter() if one.tag.endswith("img"))
    assert image.get("src", "").startswith("data:image/svg+xml;base64,")
    assert "script" not in ET.tostring(root, "unicode")


def test_an_unknown_kind_is_named() -> None:
    assert "'cloud'" in " ".join(drawn("cloud", {}).itertext())


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("table", {"columns": ["a"], "rows": []}),
        ("matrix", {"rows": [], "columns": [], "values": []}),
        ("matrix", {"rows": ["a"], "columns": ["b"], "values": [[0]]}),
        ("curve", {"x": "x", "y": "y", "lines": {}, "diagonal": False}),
        ("curve", {"x": "x", "y": "y", "lines": {"a": [[1, None]]}, "diagonal": True}),
        ("curve", {"x": "x", "y": "y", "points": {"a": [[1, 1]]}}),
        ("curve", {"x": "x", "y": "y", "lines": {"a": [[0, float("nan")], [1, float("inf")]]}}),
        ("bars", {"names": [], "values": [], "unit": ""}),
        ("bars", {"names": ["a"], "values": [0], "unit": ""}),
        ("bars", {"names": ["a"], "values": [float("nan")], "unit": ""}),
    ],
)
def test_nothing_to_draw_is_no_error(kind: str, data: dict[str, Any]) -> None:
    assert "nan" not in ET.tostring(drawn(kind, data), "unicode")


def test_a_table_folds_what_is_long_and_says_what_it_leaves_out() -> None:
    root = drawn("table", {"columns": ["n"], "rows": [[i] for i in range(1500)]})
    assert len(root.findall(".//tbody/tr")) == 1000
    assert "980 more; a further 500 are left out" in " ".join(root.itertext())


def test_fractions_of_a_column_have_equally_many_decimals() -> None:
    root = drawn("table", {"columns": ["f"], "rows": [[0.5], [0.6957], [None], [1]]})
    assert [cell.text for cell in root.iter("td")] == ["0.5000", "0.6957", "–", "1.0000"]


def test_the_diagonal_of_a_matrix_is_toned_on_its_own() -> None:
    root = drawn("matrix", {"rows": ["a", "b"], "columns": ["a", "b"], "values": [[900, 1], [4, 900]]})
    tones = [(one.get("class"), one.get("fill-opacity")) for one in root.iter(f"{SVG}rect")]
    assert tones == [("right", "0.55"), ("wrong", "0.28"), ("wrong", "0.55"), ("right", "0.55")]


def test_a_large_matrix_shows_the_names_with_the_most_mistakes() -> None:
    names = [f"n{i}" for i in range(100)]
    values = [[0] * 100 for _ in names]
    values[77][99] = 5
    root = drawn("matrix", {"rows": names, "columns": names, "values": values})
    said = " ".join(root.itertext())
    assert "n77 → n99: 5" in said
    assert "The 30 of 100 with the most mistakes." in said
    assert len(list(root.iter(f"{SVG}rect"))) == 900


def test_a_matrix_that_its_target_has_cut_says_so() -> None:
    assert "2 of 9 classes are shown." in " ".join(drawn("matrix", PANELS["matrix"], classes=9).itertext())


def test_several_lines_have_a_legend_and_differ_by_dash() -> None:
    root = drawn("curve", PANELS["curve"])
    assert [one.text or "".join(one.itertext()).strip() for one in root.iter("li")] == ["a", "b"]
    dashes = {one.get("stroke-dasharray") for one in root.iter(f"{SVG}path") if "stroke-" in str(one.get("class"))}
    assert len(dashes) == 2


def test_one_line_needs_no_legend() -> None:
    assert not list(drawn("curve", {"x": "x", "y": "y", "lines": {"a": [[0, 1], [1, 2]]}}).iter("li"))


def test_a_band_is_drawn_behind_its_line() -> None:
    data = {"x": "x", "y": "y", "lines": {"a": [[0, 1], [1, 2]]}, "bands": {"a": [[0, 0.5, 1.5], [1, 1.5, 2.5]]}}
    kinds = [str(one.get("class")).split()[0] for one in drawn("curve", data).iter(f"{SVG}path")]
    assert kinds == ["band", "line"]


def test_bars_may_have_whiskers() -> None:
    data = {"names": ["a"], "values": [1.0], "low": [0.5], "high": [1.5], "unit": "s"}
    assert [one.get("class") for one in drawn("bars", data).iter(f"{SVG}path")] == ["whisker"]
