import datetime
import decimal
import subprocess
import sys
import zoneinfo

import numpy as np
import pytest

from noria.errors import UserError
from noria.sources.formats.opening import open_source

pyarrow = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402


def write(folder, columns, name="a.parquet"):
    path = folder / name
    pq.write_table(pyarrow.table(columns), path)
    return path


def test_batches_keep_types_and_gaps(tmp_path, read_all):
    path = write(
        tmp_path, {"n": [1, 2, 3], "gap": [1.5, None, 2.5], "text": ["a", "好", None], "ok": [True, False, None]}
    )
    source = open_source(path)
    assert source.columns == ["n", "gap", "text", "ok"]
    assert isinstance(next(source.rows()).columns["n"], np.ndarray)
    records, _ = read_all(source, 2)
    assert records == [
        ("a.parquet:0", "", (1, 1.5, "a", True)),
        ("a.parquet:1", "", (2, None, "好", False)),
        ("a.parquet:2", "", (3, 2.5, None, None)),
    ]
    assert [len(rows) for rows in source.rows(2)] == [2, 1]


def test_images_as_hugging_face_stores_them_become_bytes(tmp_path, read_all):
    images = [{"bytes": b"png", "path": "1.png"}, {"bytes": None, "path": "2.png"}, None]
    source = open_source(write(tmp_path, {"image": images, "label": [0, 1, 2]}))
    assert [values[0] for _, _, values in read_all(source)[0]] == [b"png", "2.png", None]


def test_parts_of_splits_in_one_folder_are_read_train_first(tmp_path, read_all):
    for name, value in (("test-00000-of-00001", 9), ("train-00001-of-00002", 2), ("train-00000-of-00002", 1)):
        write(tmp_path, {"n": [value]}, f"{name}.parquet")
    records, _ = read_all(open_source(tmp_path))
    assert [(split, values) for _, split, values in records] == [("train", (1,)), ("train", (2,)), ("test", (9,))]


def test_a_cut_or_empty_file_is_refused(tmp_path):
    path = write(tmp_path, {"n": list(range(1000))})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="not a whole Parquet file"):
        open_source(path)
    with pytest.raises(UserError, match="no row"):
        open_source(write(tmp_path, {"n": pyarrow.array([], pyarrow.int64())}, "b.parquet"))


def test_without_pyarrow_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    path = write(tmp_path, {"n": [1]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"pip install.*\[parquet\]"):
        open_source(path)


NS = 1_700_000_000_123_456_789
TOKYO = zoneinfo.ZoneInfo("Asia/Tokyo")
WHEN = datetime.datetime(2023, 11, 14, 22, 13, 20, 123456)
KINDS = {
    "timestamp[ns]": (pyarrow.array([NS, None], pyarrow.timestamp("ns")), [WHEN, None]),
    "timestamp[ns, Tokyo]": (
        pyarrow.array([NS, None], pyarrow.timestamp("ns", "Asia/Tokyo")),
        [WHEN.replace(tzinfo=datetime.UTC).astimezone(TOKYO), None],
    ),
    "timestamp[s]": (pyarrow.array([0], pyarrow.timestamp("s")), [datetime.datetime(1970, 1, 1)]),
    "date": (pyarrow.array([datetime.date(2024, 1, 2), None]), [datetime.date(2024, 1, 2), None]),
    "time": (pyarrow.array([NS % 10**12], pyarrow.time64("ns")), ["00:00:00.123456"]),
    "duration": (pyarrow.array([1_500_000_000, None], pyarrow.duration("ns")), [1.5, None]),
    "decimal": (pyarrow.array([decimal.Decimal("12.50"), decimal.Decimal("7.00"), None]), [12.5, 7, None]),
    "dictionary": (pyarrow.array(["a", "b", None, "a"]).dictionary_encode(), ["a", "b", None, "a"]),
    "dictionary of numbers": (pyarrow.array([3, None]).dictionary_encode(), [3, None]),
    "bool": (pyarrow.array([True, None]), [True, None]),
    "gaps": (pyarrow.array([1, None]), [1, None]),
    "large text": (pyarrow.array(["x", None], pyarrow.large_string()), ["x", None]),
    "binary": (pyarrow.array([b"x", None]), [b"x", None]),
    "null": (pyarrow.nulls(2), [None, None]),
    "list": (pyarrow.array([[1, 2], None, []]), [[1, 2], None, []]),
    "list of stamps": (pyarrow.array([[NS]], pyarrow.list_(pyarrow.timestamp("ns"))), [[WHEN.isoformat()]]),
    "struct": (
        pyarrow.array([{"at": datetime.date(2024, 1, 2), "price": decimal.Decimal("1.5"), "tags": ["a"]}, None]),
        [{"at": "2024-01-02", "price": 1.5, "tags": ["a"]}, None],
    ),
    "map": (pyarrow.array([[("a", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())), [{"a": 1}]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_arrives_as_plain_values(tmp_path, read_all, kind):
    array, expected = KINDS[kind]
    records, _ = read_all(open_source(write(tmp_path, {"x": array})))
    got = [values[0] for _, _, values in records]
    assert got == expected
    assert list(map(type, got)) == list(map(type, expected))


def test_no_kind_needs_pandas(tmp_path):
    for place, (array, _) in enumerate(KINDS.values()):
        write(tmp_path, {"x": array}, f"{place}.parquet")
    (tmp_path / "pandas.py").write_text("raise ImportError('not installed')")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from pathlib import Path\n"
        "from noria.sources.formats.opening import open_source\n"
        f"for path in Path({str(tmp_path)!r}).glob('*.parquet'):\n"
        "    for rows in open_source(path).rows(): print(len(list(rows.columns['x'])))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("\n")) == (0, len(KINDS)), done.stderr


def test_times_that_are_cut_and_names_that_are_there_twice_are_said(tmp_path, read_all):
    table = pyarrow.Table.from_arrays([KINDS["timestamp[ns]"][0], KINDS["gaps"][0]], names=["x", "x"])
    pq.write_table(table, tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    assert source.columns == ["x", "x.1"]
    assert read_all(source)[0][0][2] == (WHEN, 1)
    assert any("another one is named 'x'" in note for note in source.notes())
    assert any("nanoseconds in x are cut" in note for note in source.notes())


def test_a_date_that_no_calendar_has_is_an_error_that_names_the_column(tmp_path):
    path = write(tmp_path, {"day": pyarrow.array([10**12], pyarrow.timestamp("s"))})
    with pytest.raises(UserError, match="the column 'day' holds values that cannot be read"):
        list(open_source(path).rows())
