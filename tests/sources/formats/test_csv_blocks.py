"""Both readers of CSV, the careful one and the one that takes blocks of clean records, give the same chunks."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.sources.core.text_column import TextColumn
from noria.sources.formats import csv_blocks, csv_table
from noria.sources.formats.csv_records import Dialect
from noria.sources.formats.csv_table import CsvTable

pytest.importorskip("pyarrow")

CELLS = [
    "",
    "1",
    "007",
    "1.0",
    "NA",
    "null",
    " x ",
    "名",
    "é",
    "a b",
    "5' 6\"",
    "x\\y",
    "\\",
    "true",
    "\ufeff",
    "\t",
    "\x0b",
]
QUOTED = ["a,b", "two\nlines", "one\r\ntwo", 'say ""hi""', "", "\n\n", ";", "'", "x\ry", '""']
SPOILT = ['"open', '"shut"on', '"\\"', 'a"b"', "\0", "\udcff", "\r"]
LINES = ["", "1,2,3,4", "1", "#", "\r", '"\n"', 'a,"b', ' "x",y', "a,b"]


DIALECTS = [
    *[Dialect(",")] * 4,
    Dialect(",", csv.QUOTE_NONE),
    Dialect(",", quote="'"),
    Dialect(",", escape="\\"),
    Dialect(",", skips_spaces=True),
    Dialect(",", escape="\\", skips_spaces=True),
]
DIALECTS += [replace(dialect, delimiter=delimiter) for delimiter in ";\t|" for dialect in DIALECTS]
DIALECTS += [Dialect(" "), Dialect(" ", skips_spaces=True)]


@st.composite
def tables(draw):
    dialect = draw(st.sampled_from(DIALECTS))
    delimiter, end = dialect.delimiter, draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    is_clean = draw(st.booleans())
    plain = st.sampled_from(CELLS)
    quoted = st.sampled_from(QUOTED).map(lambda cell: f'"{cell}"')
    cell = plain | quoted if is_clean else plain | quoted | st.sampled_from(SPOILT)
    row = st.lists(cell, min_size=2, max_size=2).map(delimiter.join) | st.just(f"a{delimiter}b")
    rows = draw(st.lists(row if is_clean else row | st.sampled_from(LINES), min_size=1, max_size=30))
    last = draw(st.sampled_from(["", end, end + end]))
    text = f"a{delimiter}b{end}" + f"名{delimiter}名{end}" * 9 + end.join(rows) + last
    return dialect, text.replace('"', dialect.quote)


def read(path, chunk_size, monkeypatch, encoding=None, **changed):
    with monkeypatch.context() as patch:
        for name, value in changed.items():
            patch.setattr(csv_table if hasattr(csv_table, name) else csv_blocks, name, value)
        source = CsvTable(path, encoding=encoding)
        chunks = list(source.rows(chunk_size))
    found = [(rows.origin, list(rows.numbers), rows.bad, [one.before for one in rows.bad]) for rows in chunks]
    columns = [{name: list(values) for name, values in rows.columns.items()} for rows in chunks]
    return source.columns, source.notes(), found, columns, chunks


@settings(
    max_examples=500, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    tables(),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    st.sampled_from([1, 2, 5, 100]),
    st.integers(1, 60),
    st.sampled_from([20, 10**9]),
)
def test_both_readers_give_the_same_chunks(tmp_path, monkeypatch, table, encoding, chunk_size, block, chunk_bytes):
    dialect, text = table
    monkeypatch.setattr(csv_table, "sniff_dialect", lambda *_: dialect)
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding, "surrogatepass" if encoding == "utf-8" else "replace"))
    careful = read(path, chunk_size, monkeypatch, encoding, CHUNK_BYTES=chunk_bytes)
    changed = {"FAST_FROM": 0, "BLOCK_CHARACTERS": block}
    fast = read(path, chunk_size, monkeypatch, encoding, CHUNK_BYTES=chunk_bytes, **changed)
    assert fast[:4] == careful[:4]


CLEAN = "a,b\n" + "".join(f'{i},"x, {i}"\n' if i % 3 else f"{i},NA\n\n" for i in range(2000))


def test_a_clean_table_is_read_in_blocks_and_the_cells_stay_texts(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text(CLEAN)
    careful = read(tmp_path / "a.csv", 100, monkeypatch)
    fast = read(tmp_path / "a.csv", 100, monkeypatch, FAST_FROM=0)
    assert fast[:4] == careful[:4]
    kinds = [{type(values) for values in rows.columns.values()} for rows in fast[4]]
    assert kinds == [{list}, *[{TextColumn}] * 19]
    assert fast[3][1]["a"][:2] == ["100", "101"]


def test_a_row_that_is_not_clean_leaves_only_its_own_block_to_the_careful_reader(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text(CLEAN.replace("1000,", '1000,"x"y,'))
    fast = read(tmp_path / "a.csv", 100, monkeypatch, FAST_FROM=0, BLOCK_CHARACTERS=2**10)
    kinds = [type(rows.columns["b"]) for rows in fast[4]]
    assert kinds.count(list) <= 4
    assert [one.where for rows in fast[4] for one in rows.bad] == ["a.csv:1336"]


def test_without_pyarrow_the_careful_reader_reads_all_of_it(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text(CLEAN)
    expected = read(tmp_path / "a.csv", 100, monkeypatch, FAST_FROM=0)
    monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    got = read(tmp_path / "a.csv", 100, monkeypatch, FAST_FROM=0)
    assert got[:4] == expected[:4]
    assert {type(values) for rows in got[4] for values in rows.columns.values()} == {list}


def test_a_column_of_texts_is_a_sequence_like_a_list():
    import pyarrow

    texts = ["a", "名", None, ""]
    column = TextColumn(pyarrow.array(texts, pyarrow.string()))
    assert column == texts
    assert column == TextColumn(pyarrow.array(texts, pyarrow.string()))
    assert (len(column), column[-3], column[3], list(column[1:])) == (4, "名", "", ["名", None, ""])
    assert column[np.array([3, 0])] == ["", "a"]
    assert column[np.array([True, False, False, True])] == ["a", ""]
    assert Path(column[0]) == Path("a")
    with pytest.raises(IndexError):
        column[4]
