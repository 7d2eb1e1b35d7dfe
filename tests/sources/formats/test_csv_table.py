import csv
import gzip
import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import noria.sources.core.text_file as text_file
from noria.errors import UserError
from noria.sources.formats.csv_table import CsvTable
from noria.sources.formats.opening import open_source
from noria.types import Rejected

CHINESE = (
    "编号,评论,类别\r\n"
    "1,距离川沙公路较近，但是公交指示不对，会非常麻烦,差\r\n"
    "2,商务大床房，房间很大，整体感觉经济实惠不错,好\r\n"
)


def write(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_every_cell_is_a_str_and_its_number_is_the_line_in_an_editor(tmp_path, read_all):
    path = write(tmp_path, 'a,b\n1,"two\nlines"\n\n3,x\r\n4,"say ""hi"""\n')
    records, bad = read_all(open_source(path))
    assert records == [
        ("table.csv:2", "", ("1", "two\nlines")),
        ("table.csv:5", "", ("3", "x")),
        ("table.csv:6", "", ("4", 'say "hi"')),
    ]
    assert bad == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_although_other_candidates_stand_in_the_cells(tmp_path, read_all, delimiter):
    path = write(tmp_path, f"name{delimiter}price\nan apple, red{delimiter}1\nb; or c | d\te"[:-2] + f"{delimiter}2\n")
    source = open_source(path)
    assert source.columns == ["name", "price"]
    assert len(read_all(source)[0]) + len(read_all(source)[1]) == 2


def test_a_tab_table_in_which_quotes_are_plain_characters_keeps_them(tmp_path, read_all):
    path = write(tmp_path, 'text\tlabel\n"so he said\t1\nhm\t0\n"what\t1\nand\t0\n', "a.tsv")
    assert read_all(open_source(path))[0][0][2] == ('"so he said', "1")


def test_ragged_rows_are_bad_by_line_number_and_the_rest_is_read(tmp_path, read_all):
    path = write(tmp_path, 'a,b\n1,"x\ny"\n1,2,3\n5\n6,7\n')
    records, bad = read_all(open_source(path))
    assert [values for _, _, values in records] == [("1", "x\ny"), ("6", "7")]
    assert bad == [
        Rejected("table.csv:4", "3 cells where the header has 2"),
        Rejected("table.csv:5", "1 cells where the header has 2"),
    ]


def test_a_nul_and_bytes_that_do_not_decode_are_bad_by_line_number(tmp_path, read_all):
    path = write(tmp_path, "名,b\n早餐,2\n".encode() + b"caf\xe9,4\n5,\0\n" + "晚餐,8\n".encode())
    records, bad = read_all(open_source(path))
    assert [values[1] for _, _, values in records] == ["2", "8"]
    assert bad == [
        Rejected("table.csv:3", "the line is not valid utf-8"),
        Rejected("table.csv:4", "the line holds a NUL byte"),
    ]


def test_a_flaw_in_a_later_line_of_a_record_names_that_line(tmp_path, read_all):
    path = write(tmp_path, b'a,b\n1,"x\n\xff\ny"\n2,' + "名\n名,名\n".encode())
    records, bad = read_all(open_source(path))
    assert [where for where, _, _ in records] == ["table.csv:5", "table.csv:6"]
    assert bad == [Rejected("table.csv:2", "the line is not valid utf-8 (line 3)")]


@pytest.mark.parametrize("is_quoted", [False, True])
def test_an_over_long_line_is_bad_and_does_not_disturb_the_next(tmp_path, read_all, monkeypatch, is_quoted):
    monkeypatch.setattr(text_file, "MAX_LINE_CHARACTERS", 100)
    long = '"' + "x" * 5000 + '\nsecond"' if is_quoted else "x" * 5000
    path = write(tmp_path, f"a,b\n1,2\n{long},2\n3,4\n")
    records, bad = read_all(open_source(path))
    assert [values for _, _, values in records] == [("1", "2"), ("3", "4")]
    assert bad == [Rejected("table.csv:3", "the line is longer than 100 characters")]


def test_columns_of_the_same_name_are_all_kept_under_names_of_their_own_and_said(tmp_path, read_all):
    source = open_source(write(tmp_path, "a,b,a,c,a,a.1,c\n1,2,3,4,5,6,7\n"))
    assert source.columns == ["a", "b", "a.2", "c", "a.3", "a.1", "c.1"]
    assert read_all(source)[0][0][2] == tuple("1234567")
    assert "column 3 is called a.2: another one is named 'a'" in source.notes()[0]
    assert len(source.notes()) == 3


def test_a_quote_that_is_never_closed_makes_its_own_line_bad_and_no_other(tmp_path, read_all):
    records, bad = read_all(open_source(write(tmp_path, 'a,b\n1,2\n3,"oops\n4,5\n6,7\n')))
    assert [values for _, _, values in records] == [("1", "2"), ("4", "5"), ("6", "7")]
    assert [one.where for one in bad] == ["table.csv:3"]
    assert "a quote is opened in the record that begins here and never closed" in bad[0].reason


@pytest.mark.parametrize(
    ("lines", "good", "bad"),
    [
        (['1,"x"y', "2,z"], [("2", "z")], {2: "a cell goes on after its closing quote"}),
        (
            ['1,"two', 'lines"y', "2,z"],
            [("2", "z")],
            {2: 'closing quote; write "" for a quote inside a quoted cell (lines 2 to 3)'},
        ),
        (
            ['1,"stray', '2,"x"', "3,z"],
            [("2", "x"), ("3", "z")],
            {2: "that is closed in no cell"},
        ),
        (['1,"stray', '2,x",3', "3,z"], [("3", "z")], {2: "3 cells where the header has 2 (lines 2 to 3)"}),
        (['1,"two', 'lines",3', "3,z"], [("3", "z")], {2: "3 cells where the header has 2 (lines 2 to 3)"}),
        (['1,"two', 'lines"', "3,z"], [("1", "two\nlines"), ("3", "z")], {}),
        (
            ['1,"stray', "2,x", "2,x,y", '3,"x"'],
            [("2", "x"), ("3", "x")],
            {2: "that is closed in no cell", 4: "3 cells"},
        ),
        (["3,z", "a,b"], [("3", "z")], {3: "repeats the header"}),
    ],
)
def test_a_quote_that_fits_no_cell_hides_no_row_and_makes_none(tmp_path, read_all, lines, good, bad):
    content = "\n".join(["a,b", *lines, *["8,9"] * 9])
    records, found = read_all(open_source(write(tmp_path, content)))
    assert [values for _, _, values in records] == [*good, *[("8", "9")] * 9]
    assert [int(one.where.split(":")[1]) for one in found] == list(bad)
    assert all(reason in one.reason for one, reason in zip(found, bad.values(), strict=True))


def test_an_unclosed_quote_does_not_swallow_a_large_file_into_memory(tmp_path, monkeypatch):
    limit = csv.field_size_limit(131072)
    monkeypatch.setattr("noria.sources.formats.csv_records.MAX_LINE_CHARACTERS", 131072)
    try:
        source = open_source(write(tmp_path, 'a,b\n1,2\n3,"oops\n' + "4,5\n" * 100_000))
        rows = list(source.rows())
        assert sum(map(len, rows)) == 100_001
        assert [one.where for chunk in rows for one in chunk.bad] == ["table.csv:3"]
    finally:
        csv.field_size_limit(limit)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"a,b\n", "no row"),
        (b"a,b\n\n\n", "no row"),
        (b"a\0,b\n3,4\n", "the header cannot be read"),
    ],
)
def test_a_file_without_header_or_rows_is_refused_at_once(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        open_source(write(tmp_path, content))


def test_a_column_without_a_name_is_named_by_its_place_and_said(tmp_path):
    source = open_source(write(tmp_path, ",b\n0,x\n"))
    assert source.columns == ["column_1", "b"]
    assert "column 1 has no name" in source.notes()[0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "utf-32"])
def test_a_chinese_table_gives_the_same_rows_in_any_encoding_without_being_told(tmp_path, read_all, encoding):
    expected = read_all(open_source(write(tmp_path, CHINESE, "a.csv")))
    got = read_all(open_source(write(tmp_path, CHINESE.encode(encoding), "a.csv")))
    assert got == expected
    assert len(got[0]) == 2


def test_a_guessed_encoding_is_said_and_a_certain_one_is_not(tmp_path):
    assert "gb18030 was guessed" in open_source(write(tmp_path, CHINESE.encode("gb18030"), "g.csv")).notes()[0]
    assert open_source(write(tmp_path, CHINESE, "u.csv")).notes() == []


HANZI = "的一是了我不人在他有上大地生年就那和要國時們"  # all of them in Big5 as well as in GB18030
COMMON = st.text(st.sampled_from("abcXYZ 019,;|\"'\n\r\t" + HANZI), max_size=12)
SIX = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030", "big5"]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(COMMON, COMMON), min_size=1, max_size=8))
def test_a_table_written_in_six_encodings_gives_the_same_rows(tmp_path_factory, cells):
    folder = tmp_path_factory.mktemp("six")
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("first column", "second column"), *cells])
    for encoding in SIX:
        path = write(folder, text.getvalue().encode(encoding))
        source = CsvTable(path, encoding=encoding)
        got = [row for rows in source.rows(3) for row in zip(*rows.columns.values(), strict=True)]
        assert got == cells, encoding


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 100])
def test_the_chunk_size_changes_nothing_but_the_chunks(tmp_path, read_all, chunk_size):
    source = open_source(write(tmp_path, "a,b\n1,2\n3\n4,5\n6,7\n"))
    assert read_all(source, chunk_size) == read_all(source)
    assert max(len(rows) for rows in source.rows(chunk_size)) <= chunk_size


def test_gzip_gives_the_same_rows_and_a_cut_one_is_an_error(tmp_path, read_all):
    body = "a,b\n" + "".join(f"{i},{i * i}\n" for i in range(5000))
    plain = read_all(open_source(write(tmp_path, body)))
    packed = gzip.compress(body.encode())
    zipped = read_all(open_source(write(tmp_path, packed, "table.csv.gz")))
    assert [values for _, _, values in zipped[0]] == [values for _, _, values in plain[0]]
    with pytest.raises(UserError):
        read_all(open_source(write(tmp_path, packed[:-100], "cut.csv.gz")))


def test_the_stamp_follows_content_and_time_but_not_the_folder(tmp_path):
    import os
    import shutil

    path = write(tmp_path, "a,b\n1,2\n")
    stamp = open_source(path).stamp()
    assert stamp == open_source(path).stamp()
    (tmp_path / "moved").mkdir()
    copy = shutil.copy2(path, tmp_path / "moved" / "table.csv")
    assert open_source(Path(copy)).stamp() == stamp
    os.utime(path, ns=(1, 1))
    assert open_source(path).stamp() != stamp
    before = path.stat()
    stamp = open_source(path).stamp()
    write(tmp_path, "a,b\n1,20\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert open_source(path).stamp() != stamp


GROWTH = """
import resource, sys
from pathlib import Path
from noria.sources.formats.opening import open_source
source = open_source(Path(sys.argv[1]))
rows = source.rows(512)
len(next(rows))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
n = 512 + sum(len(chunk) for chunk in rows)
print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_table_is_read_in_little_memory(tmp_path):
    path = tmp_path / "large.csv"
    with path.open("w") as out:
        out.write("text,label\n")
        for _ in range(30):
            out.write(("x" * 997 + ",1\n") * 1000)
    output = subprocess.run([sys.executable, "-c", GROWTH, str(path)], capture_output=True, text=True, check=True)
    num_rows, growth_kib = map(int, output.stdout.split())
    assert num_rows == 30_000
    assert growth_kib < 15 * 1024


SST = 'good " film\t1\n"bad" he says\t0\n\n``fine\'\'\t1\n'


@pytest.mark.parametrize("name", ["a.tsv", "a.txt", "a.csv", "a.tsv.gz"])
def test_a_table_without_a_header_has_the_columns_that_are_named_and_between_tabs_quotes_are_characters(
    tmp_path, read_all, name
):
    content = gzip.compress(SST.encode()) if name.endswith("gz") else SST
    records, bad = read_all(open_source(write(tmp_path, content, name), columns=["text", "label"]))
    assert [values for _, _, values in records] == [('good " film', "1"), ('"bad" he says', "0"), ("``fine''", "1")]
    assert [where for where, _, _ in records] == [f"{name}:{line}" for line in (1, 2, 4)]
    assert bad == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('"a, b",1\nc,2\n', [("a, b", "1"), ("c", "2")]),
        ('"say ""hi"""\t1\nc\t2\n', [('say "hi"', "1"), ("c", "2")]),
        ('"a"\t"1"\n"c"\t"2"\n', [("a", "1"), ("c", "2")]),
        ("3.5;4\n5;6\n", [("3.5", "4"), ("5", "6")]),
        ('a\t1\n"\t2\n"c\t3\n', [("a", "1"), ('"', "2"), ('"c', "3")]),
    ],
)
def test_cells_without_a_header_are_told_apart_by_what_fits_the_names(tmp_path, read_all, content, expected):
    records, _ = read_all(open_source(write(tmp_path, content), columns=["text", "label"]))
    assert [values for _, _, values in records] == expected


def test_a_quote_that_first_appears_late_in_a_table_of_tabs_swallows_nothing(tmp_path, read_all):
    rows = [f"line {i}\t{i}" for i in range(60_000)]
    rows[40_000], rows[50_000] = '"Look, he said.\t0', 'she said: "Where?"\t0'
    path = write(tmp_path, "\n".join(rows), "a.tsv")
    records, bad = read_all(open_source(path, columns=["text", "number"]))
    assert (len(records), bad) == (60_000, [])
    assert records[40_000][2][0] == '"Look, he said.'


def test_one_column_alone_is_the_whole_line(tmp_path, read_all):
    content = 'Toy Story, the\n"GoldenEye"\tx\n\nFour; Rooms\n'
    records, _ = read_all(open_source(write(tmp_path, content, "a.txt"), columns=["text"]))
    assert [values for _, _, values in records] == [("Toy Story, the",), ('"GoldenEye"\tx',), ("Four; Rooms",)]


@pytest.mark.parametrize("columns", [["text", "label"], ["label"], ["label", "text"]])
def test_a_first_line_that_holds_the_names_is_a_header_all_the_same(tmp_path, read_all, columns):
    source = open_source(write(tmp_path, "id,text,label\n1,good,1\n2,bad,0\n"), columns=columns)
    assert source.columns == ["id", "text", "label"]
    assert len(read_all(source)[0]) == 2
    assert "the first line names the columns" in source.notes()[0]


def test_rows_of_another_width_are_bad_and_a_table_of_another_width_is_refused(tmp_path, read_all):
    path = write(tmp_path, "a\t1\nb\nc\t3\nd\t4\n", "a.tsv")
    records, bad = read_all(open_source(path, columns=["text", "label"]))
    assert len(records) == 3
    assert bad == [Rejected("a.tsv:2", "1 cells where data.columns has 2")]
    with pytest.raises(UserError, match=r"a\.tsv:1: most records do not have the 3 cells") as caught:
        open_source(path, columns=["text", "label", "more"])
    assert "2 cells: a | 1" in str(caught.value)


@pytest.mark.parametrize("encoding", ["gbk", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.txt", "a.tsv"])
def test_chinese_lines_without_a_header_are_the_same_in_any_encoding(tmp_path, read_all, encoding, name):
    text = "距离川沙公路较近\t差\n商务大床房，房间很大\t好\n" * 5
    path = write(tmp_path, text.encode(encoding), name)
    records, bad = read_all(open_source(path, columns=["text", "label"]))
    assert [values for _, _, values in records] == [tuple(line.split("\t")) for line in text.splitlines()]
    assert bad == []


def test_names_for_what_names_its_own_columns_must_be_among_them(tmp_path):
    path = write(tmp_path, '{"text": "a", "label": 1}\n', "a.jsonl")
    assert open_source(path, columns=["text"]).columns == ["text", "label"]
    with pytest.raises(UserError, match="names its own columns, and none is 'class'"):
        open_source(path, columns=["text", "class"])


def test_real_reviews_in_chinese_are_all_read(shared_data, read_all):
    records, bad = read_all(open_source(shared_data / "sentiment_zh" / "ChnSentiCorp_htl_all.csv"))
    assert (len(records), len(bad)) == (7766, 0)


def test_real_sentences_are_all_read_with_their_quotes(shared_data, read_all):
    records, bad = read_all(open_source(shared_data / "sentiment_en", columns=["text", "label"]))
    splits = [split for _, split, _ in records]
    assert [splits.count(split) for split in ("train", "validation", "test")] == [6920, 872, 1821]
    assert {values[1] for _, _, values in records} == {"0", "1"}
    pairs, also_bad = read_all(open_source(shared_data / "tatoeba_en_zh" / "cmn.txt", columns=["en", "zh", "by"]))
    assert len(pairs) == 29_155
    assert '"Look," she said.' in {values[0] for _, _, values in pairs}
    assert bad == also_bad == []


@pytest.mark.parametrize("gap", [0, 1, 2, 59])
def test_two_stray_quotes_cost_two_rows_and_none_between(tmp_path, read_all, gap):
    rows = [f"this film is good number {i},1" for i in range(100)]
    for index in (20, 21 + gap):
        rows[index] = f'"Wow it is bad {index},0'
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *rows, ""]), "utf-8")
    records, bad = read_all(CsvTable(tmp_path / "a.csv"))
    assert (len(records), len(bad)) == (98, 2)
