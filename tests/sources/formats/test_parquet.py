import sys

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
    with pytest.raises(UserError, match=r"noria\[parquet\]"):
        open_source(path)
