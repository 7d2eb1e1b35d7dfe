"""Which lines name the columns of a table."""

from __future__ import annotations

import pytest

from noria.errors import UserError
from noria.sources.formats.opening import open_source

SPAM = "ham\tHi you\nspam\tWin\n" + "".join(f"ham\t{word}\n" for word in ("Well", "No", "Oh"))
BELOW = "ann,1.5,x\nben,2.5,y\neve,3.5,x\ndan,4.5,y\n"


def opened(folder, text):
    (folder / "a.csv").write_text(text, "utf-8")
    return open_source(folder / "a.csv")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("name,size,kind\n", ["name", "size", "kind"]),
        ("country,1960,1961\n", ["country", "1960", "1961"]),
        ("0,1,2\n", ["0", "1", "2"]),
        (",size,kind\n", ["column_1", "size", "kind"]),
        ("x1,x2,x3\n", ["x1", "x2", "x3"]),
    ],
)
def test_a_line_that_names_is_a_header_also_where_numbers_are_the_names(tmp_path, read_all, text, columns):
    source = opened(tmp_path, text + BELOW)
    assert source.columns == columns
    assert read_all(source)[0][0] == ("a.csv:2", "", ("ann", "1.5", "x"))


@pytest.mark.parametrize(
    "text",
    [
        BELOW,
        "5,6\n1,2\n",
        "5.1,3.5,setosa\n" * 5,
        "2024-01-02,a\n2024-01-03,b\n",
        SPAM,
        "".join(f"LJ-{i:03}|{word}\n" for i, word in enumerate(["printing", "in", "the", "sense"])),
    ],
)
def test_a_first_line_that_is_a_record_is_read_as_one_and_the_columns_are_named_by_place(tmp_path, read_all, text):
    source = opened(tmp_path, text)
    records, bad = read_all(source)
    assert source.columns == [f"column_{place}" for place in range(1, len(records[0][2]) + 1)]
    assert (len(records), bad, records[0][0]) == (text.count("\n"), [], "a.csv:1")
    assert "the first line is a record" in source.notes()[0]
    assert "data.columns" in source.notes()[0]


@pytest.mark.parametrize(
    ("above", "line"),
    [
        ("Sales of May\n\n", 3),
        ("Sales of May\nin euros\n", 3),
        ("Sales of May,,\n,,\n", 3),
        ("# made by hand, twice\n# no warranty\n", 3),
        ("Source:,the shop\nDate:,1 May\n\n", 4),
    ],
)
def test_titles_above_a_table_are_passed_over_and_said(tmp_path, read_all, above, line):
    source = opened(tmp_path, above + "name,size,kind\n" + BELOW)
    assert source.columns == ["name", "size", "kind"]
    assert [where for where, _, _ in read_all(source)[0]] == [f"a.csv:{line + i}" for i in range(1, 5)]
    assert source.notes() == [f"a.csv: the lines above line {line} are no table and are not read"]


def test_a_single_column_of_texts_is_not_taken_for_a_title_and_a_table(tmp_path):
    source = opened(tmp_path, "text\nHello, you\nWell, well\nOh, no\n")
    assert source.columns == ["text"]


def test_names_in_two_lines_are_joined_and_repeated_ones_are_read_once(tmp_path, read_all):
    source = opened(tmp_path, "name,width,height\n,cm,m\na,1,2\nb,3,4\n")
    assert source.columns == ["name", "width cm", "height m"]
    assert [values for _, _, values in read_all(source)[0]] == [("a", "1", "2"), ("b", "3", "4")]
    assert source.notes() == ["a.csv: line 2 belongs to the header and is no record"]
    source = opened(tmp_path, "name,size,kind\nname,size,kind\n" + BELOW)
    assert source.columns == ["name", "size", "kind"]
    assert len(read_all(source)[0]) == 4


def test_a_first_record_with_one_word_among_numbers_is_a_record(tmp_path, read_all):
    source = opened(tmp_path, "name,width,height\na,unknown,2\nb,3,4\nc,3,4\n")
    assert len(read_all(source)[0]) == 3


def test_the_row_numbers_that_r_writes_are_a_column_without_a_name(tmp_path, read_all):
    source = opened(tmp_path, '"size","kind"\n"1",2.5,"x"\n"2",3.5,"y"\n')
    assert source.columns == ["column_1", "size", "kind"]
    assert read_all(source)[0][0][2] == ("1", "2.5", "x")


def test_a_header_short_of_a_name_is_not_moved_below_other_columns(tmp_path, read_all):
    records, bad = read_all(opened(tmp_path, "name size,kind\n" + BELOW))
    assert (records, len(bad)) == ([], 4)


def test_a_stray_quote_in_the_header_is_said_and_the_names_are_read(tmp_path, read_all):
    source = opened(tmp_path, 'name,"size,"kind"\n' + BELOW)
    assert source.columns == ["name", "size", "kind"]
    assert len(read_all(source)[0]) == 4
    assert "a quote in line 1 fits no cell" in source.notes()[0]


def test_the_line_that_says_the_delimiter_is_passed_over(tmp_path, read_all):
    source = opened(tmp_path, "sep=;\ntext;label\nnumber 1, fine;good\nnumber 2;bad\n")
    assert source.columns == ["text", "label"]
    assert [where for where, _, _ in read_all(source)[0]] == ["a.csv:3", "a.csv:4"]
    source = open_source(tmp_path / "a.csv", columns=["text", "label"])
    assert source.columns == ["text", "label"]
    assert len(read_all(source)[0]) == 2


def test_a_header_alone_has_no_row(tmp_path):
    with pytest.raises(UserError, match="a header but no row"):
        opened(tmp_path, "name,size\n")


def test_quotes_behind_a_backslash_are_read_and_other_backslashes_stay(tmp_path, read_all):
    rows = [r'"he said \"fine\", and left",good', r'"C:\new\\",bad', r'"27\"",good', "plain,bad"] * 3
    records, bad = read_all(opened(tmp_path, "text,label\n" + "\n".join(rows)))
    assert ([values[0] for _, _, values in records[:4]], bad) == (
        ['he said "fine", and left', "C:\\new\\", '27"', "plain"],
        [],
    )
