"""A frame in memory: the same rows as its file has, whichever library holds it, and its identity is what it holds."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from noria.errors import UserError
from noria.sources.formats.frame import Frame, is_frame

pandas = pytest.importorskip("pandas", reason="needs pandas")
polars = pytest.importorskip("polars", reason="needs polars")
pyarrow = pytest.importorskip("pyarrow", reason="needs noria[parquet]")

CELLS: dict[str, list[Any]] = {
    "number": [1.5, None, -2.0],
    "text": ["a", None, "Übung"],
    "date": [datetime.datetime(2024, 2, 29, 13), None, datetime.datetime(1999, 1, 1)],
    "truth": [True, False, True],
    "count": [1, 2, 3],
}


class Other:
    """A frame of a library that nobody here knows."""

    def __init__(self, table: Any) -> None:
        self._table, self.columns = table, table.column_names

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def frames() -> dict[str, Any]:
    table = pyarrow.table(CELLS)
    return {
        "pandas": pandas.DataFrame(CELLS),
        "polars": polars.DataFrame(CELLS),
        "pyarrow": table,
        "another": Other(table),
    }


@pytest.mark.parametrize("library", frames())
def test_every_library_gives_the_same_cells_and_the_same_identity(library: str) -> None:
    frame = frames()[library]
    assert is_frame(frame)
    source = Frame(frame)
    (rows,) = source.rows()
    assert rows.columns == CELLS
    assert [rows.where(i) for i in range(3)] == ["frame:0", "frame:1", "frame:2"]
    assert source.path == Frame(frames()["polars"]).path
    assert str(source.path).startswith("memory:")
    assert "3 rows; number, text, date, truth, count" in str(source.path)
    assert source.files() == []


def test_what_is_no_frame_is_none() -> None:
    frame = pandas.DataFrame(CELLS)
    for other in (frame["text"], polars.DataFrame(CELLS)["text"], CELLS, [CELLS], np.zeros((2, 2)), "a", None):
        assert not is_frame(other)


def test_rows_come_in_chunks_and_in_order() -> None:
    source = Frame(pandas.DataFrame({"a": range(10)}, index=range(10, 0, -1)))
    chunks = list(source.rows(4))
    assert [len(rows) for rows in chunks] == [4, 4, 2]
    assert [value for rows in chunks for value in rows.columns["a"]] == list(range(10))
    assert [number for rows in chunks for number in rows.numbers] == list(range(10))


@pytest.mark.parametrize(
    "other", [[1, 2, 4], [1.0, 2.0, 3.0], ["1", "2", "3"], [1, 3, 2], [1, 2], [True, True, True], [1, 2, None]]
)
def test_another_content_is_another_identity(other: list[Any]) -> None:
    one = Frame(polars.DataFrame({"a": [1, 2, 3]}))
    assert Frame(polars.DataFrame({"a": other})).path != one.path
    assert Frame(polars.DataFrame({"b": [1, 2, 3]})).path != one.path


def test_large_arrays_and_pictures_in_cells_are_told_apart_to_the_last_pixel() -> None:
    paths = set()
    for value in (0, 1):
        array = np.zeros((60, 60), np.uint8)
        array[30, 30] = value
        paths |= {Frame(pandas.DataFrame({"a": [cell]})).path for cell in (array, Image.fromarray(array))}
        paths |= {Frame(pandas.DataFrame({"a": [[array, None]]})).path}
    assert len(paths) == 6


def test_what_a_frame_cannot_be_is_said() -> None:
    with pytest.raises(UserError, match="several columns of the frame are called 'a'"):
        Frame(pandas.DataFrame([[1, 2]], columns=["a", "a"]))
    for empty in (pandas.DataFrame({"a": []}), pandas.DataFrame(index=[1, 2])):
        with pytest.raises(UserError, match="the frame is empty"):
            Frame(empty)
    with pytest.raises(UserError, match="the column 'a' of the frame holds what is no value") as caught:
        Frame(pandas.DataFrame({"a": [object()]}))
    assert caught.value.found == "builtins.object"


def test_an_index_with_a_name_is_told_not_to_be_a_column() -> None:
    frame = pandas.DataFrame({"id": [7, 8], "a": [1, 2]}).set_index("id")
    source = Frame(frame)
    assert source.columns == ["a"]
    assert source.notes() == ["the index 'id' is no column; frame.reset_index() makes it one"]
    assert Frame(frame.reset_index()).notes() == []


def test_a_frame_of_pandas_reads_as_its_parquet_file(tmp_path: Path) -> None:
    from noria.sources.formats.parquet import Parquet

    frame = pandas.DataFrame(CELLS)
    frame.to_parquet(tmp_path / "a.parquet")
    (file,), (memory,) = Parquet(tmp_path / "a.parquet").rows(), Frame(frame).rows()
    for name, values in memory.columns.items():
        assert list(values) == list(file.columns[name]), name
