"""A sheet of a workbook is read as a person sees it, and what it cannot show is told."""

from __future__ import annotations

import csv
import datetime
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from noria.columns import NumberForm
from noria.contract.source import Source
from noria.errors import UserError, how_to_install
from noria.sources.core.limits import Limits
from noria.sources.formats import workbook
from noria.sources.formats.opening import open_source
from noria.sources.formats.workbook import Workbook
from noria.sources.formats.workbook_package import lost_cells


def book(path: Path, rows: Sequence[Sequence[Any]], merged: Sequence[str] = (), **others: Any) -> Path:
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = "Data"
    for row in rows:
        sheet.append(row)
    for area in merged:
        sheet.merge_cells(area)
    for name, state in others.items():
        made.create_sheet(name).append(["a", "b"])
        made[name].append([1, 2])
        made[name].sheet_state = state
    made.save(path)
    return path


def records(source: Source) -> list[tuple[int, tuple[Any, ...]]]:
    return [
        (int(number), tuple(record.fields.values()))
        for rows in source.rows()
        for number, record in zip(rows.numbers, rows.records(), strict=True)
    ]


def test_cells_are_what_a_spreadsheet_shows(tmp_path: Path) -> None:
    day, moment = datetime.date(2024, 3, 5), datetime.datetime(2024, 3, 5, 14, 30, 1)
    shown = [
        (7.0, "7"),
        (0.1 + 0.2, "0.3"),
        (-1234567.5, "-1234567.5"),
        ("007", "007"),
        (True, "TRUE"),
        (day, "2024-03-05"),
        (moment, "2024-03-05 14:30:01"),
        (datetime.time(14, 30), "14:30:00"),
        (datetime.timedelta(hours=26, minutes=3), "26:03:00"),
        ("日本", "日本"),
    ]
    path = book(tmp_path / "a.xlsx", [["cell", "n"], *([cell, index] for index, (cell, _) in enumerate(shown))])
    assert records(Workbook(path)) == [(index + 2, (text, str(index))) for index, (_, text) in enumerate(shown)]


def test_a_workbook_holds_the_records_of_the_csv_that_it_was_made_from(tmp_path: Path) -> None:
    rows = [["id", "name", "score"], *([str(i), f"n{i}" if i % 7 else "", str(i / 4)] for i in range(1, 9000))]
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    numbers = [rows[0], *([int(one), name or None, float(score)] for one, name, score in rows[1:])]
    of_book, of_csv = open_source(book(tmp_path / "a.xlsx", numbers)), open_source(tmp_path / "a.csv")
    assert of_book.columns == of_csv.columns
    ours, theirs = records(of_book), records(of_csv)
    assert [(n, (a, b, float(c))) for n, (a, b, c) in ours] == [(n, (a, b, float(c))) for n, (a, b, c) in theirs]
    assert [len(rows) for rows in of_book.rows(4096)] == [4096, 4096, 807]
    assert records(of_book) == ours


def test_the_header_is_found_below_titles_and_blank_rows(tmp_path: Path) -> None:
    rows = [["Report of 2024"], [], [None, "so far"], ["id", "name", "score"], [1, "a", 2], [], [2, "b", None]]
    found = Workbook(book(tmp_path / "a.xlsx", rows))
    assert found.columns == ["id", "name", "score"]
    assert records(found) == [(5, ("1", "a", "2")), (7, ("2", "b", ""))]
    assert any("row 4 names the columns" in note and "rows 1, 3" in note for note in found.notes())


def test_a_corner_without_a_name_is_still_a_header(tmp_path: Path) -> None:
    found = Workbook(book(tmp_path / "a.xlsx", [[None, "x"], [0, 5], [1, 6]]))
    assert found.columns == ["column_1", "x"]
    assert records(found) == [(2, ("0", "5")), (3, ("1", "6"))]


def test_a_merged_cell_counts_for_every_row_that_it_covers(tmp_path: Path) -> None:
    rows = [["land", "town"], ["A", "a"], [None, "b"], [None, "c"], ["B", "d"]]
    found = Workbook(book(tmp_path / "a.xlsx", rows, merged=["A2:A4"]))
    assert [cells for _, cells in records(found)] == [("A", "a"), ("A", "b"), ("A", "c"), ("B", "d")]


def test_another_sheet_is_told_and_can_be_chosen(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["x", "y"], [1, 2]], more="visible", lists="hidden")
    assert any("data.sheet='more'" in note for note in Workbook(path).notes())
    assert open_source(path, sheet="more").columns == ["a", "b"]
    with pytest.raises(UserError, match="has no sheet 'mor'") as caught:
        Workbook(path, sheet="mor")
    assert caught.value.fix == "did you mean 'more'?"


def test_errors_and_formulas_that_were_never_computed_are_missing_and_counted(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["x", "y"], [1, "#N/A"], [2, "=A2+1"], [3, 4], ["#DIV/0!", 5]])
    found = Workbook(path)
    assert [cells for _, cells in records(found)] == [("1", ""), ("2", ""), ("3", "4"), ("", "5")]
    assert any("#N/A (1), #DIV/0! (1)" in note for note in found.notes())
    assert any("1 formulas of its sheets were never computed" in note for note in found.notes())


def test_columns_can_be_named_where_the_first_row_is_a_record(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [[1, 2], [3, 4]])
    with pytest.raises(UserError, match="the first row must name the columns"):
        Workbook(path)
    assert records(Workbook(path, columns=["a", "b"])) == [(1, ("1", "2")), (2, ("3", "4"))]
    with pytest.raises(UserError, match="does not have the 3 columns"):
        Workbook(path, columns=["a", "b", "c"])
    named = book(tmp_path / "b.xlsx", [["b", "a"], [3, 4]])
    assert records(open_source(named, columns=["a", "b"])) == [(2, ("3", "4"))]


def test_a_cell_far_from_the_others_ends_with_a_sentence(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.active["A1"], made.active["A2"], made.active["XFD1048576"] = "a", 1, 1
    made.save(tmp_path / "a.xlsx")
    with pytest.raises(UserError, match="takes more than 4 GB of memory") as caught:
        Workbook(tmp_path / "a.xlsx")
    assert caught.value.fix == "save the sheet as CSV"


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/worksheets/sheet1.xml", b" " * 1_000_000)
    with pytest.raises(UserError, match="unpacks to too much"):
        lost_cells(path, Limits(free_bytes=100_000))


@pytest.mark.parametrize(
    ("content", "fix"), [(b"x,y\n1,2\n", "it looks like text under another name: rename it to .csv"), (b"\0\1\2", "")]
)
def test_what_is_no_workbook_is_said(content: bytes, fix: str, tmp_path: Path) -> None:
    (tmp_path / "a.xls").write_bytes(content)
    with pytest.raises(UserError, match="is not a whole workbook") as caught:
        Workbook(tmp_path / "a.xls")
    assert caught.value.fix == fix


@pytest.mark.parametrize(("rows", "what"), [([], "the sheet is empty"), ([["a", "b"]], "a header but no row")])
def test_a_sheet_without_records_is_said(rows: list[list[str]], what: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=what):
        Workbook(book(tmp_path / "a.xlsx", rows))


ODS = """<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
<office:body><office:spreadsheet><table:table table:name="Data">{rows}</table:table></office:spreadsheet></office:body>
</office:document-content>"""


def test_an_open_document_is_read_too(tmp_path: Path) -> None:
    texts = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    numbers = '<table:table-cell office:value-type="float" office:value="{0}"><text:p>{0}</text:p></table:table-cell>'
    header = "".join(map(texts.format, ("name", "score")))
    rows = [header, *(texts.format(f"n{i}") + numbers.format(i) for i in range(2))]
    with zipfile.ZipFile(tmp_path / "a.ods", "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        package.writestr("META-INF/manifest.xml", "<manifest/>")
        package.writestr(
            "content.xml", ODS.format(rows="".join(f"<table:table-row>{r}</table:table-row>" for r in rows))
        )
    assert records(open_source(tmp_path / "a.ods")) == [(2, ("n0", "0")), (3, ("n1", "1"))]


def test_workbooks_of_a_folder_are_its_splits(tmp_path: Path) -> None:
    for name in ("train", "test"):
        book(tmp_path / f"{name}.xlsx", [["x", "y"], [1, 2]])
    assert [rows.split for rows in open_source(tmp_path).rows()] == ["train", "test"]


def test_without_the_package_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = book(tmp_path / "a.xlsx", [["x", "y"], [1, 2]])
    monkeypatch.setattr(workbook, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"reading \.xlsx files needs the package python-calamine") as caught:
        open_source(path)
    assert caught.value.fix == how_to_install("sheets")


def test_a_number_is_a_number_in_whatever_form_its_column_is_written_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    for row in (["price", "code"], [735.393, "007"], [7.0, "1.5"]):
        book.active.append(row)
    book.save(path)
    (rows,) = Workbook(path).rows()
    assert [NumberForm(",", ".").read(cell) for cell in rows.columns["price"]] == [735.393, 7]
    assert [type(cell) for cell in rows.columns["code"]] == [str, str]
