"""The one way from rows to arrays: chunks of any size give the same records, in order, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.contract import answer_field, registry
from noria.pipeline.encoder import RecordEncoder, gathered
from noria.pipeline.other_data import open_other
from noria.pipeline.predictor import load
from noria.types import Ragged, Rejected, Rows
from tiny_data import tiny_file

Trained = Callable[[str], Path]
TASKS = registry.names("tasks")


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Ragged):
        return np.array_equal(one.values, other.values) and np.array_equal(one.offsets, other.offsets)
    return np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind == "f")


@pytest.mark.parametrize("name", TASKS)
def test_chunks_of_any_size_hold_the_same_records(name: str, trained: Trained, tmp_path: Path) -> None:
    model = load(trained(name), device="cpu")
    path = tiny_file(model.task, tmp_path, count=9, seed=5)
    source, mapping = open_other(model.bundle, path, needs_answer=True)
    encoder = model.encoder(mapping, source.root)
    whole, _ = gathered(model.task, [encoder.chunk(rows) for rows in source.rows()], "")
    pieces, bad = gathered(model.task, [encoder.chunk(rows) for rows in source.rows(2)], "")
    assert not bad
    assert len(whole) == len(pieces)
    for field, arrays in whole.inputs.items():
        assert whole.window is not None or all(same(one, pieces.inputs[field][key]) for key, one in arrays.items())
    assert whole.window is not None or all(same(one, pieces.target[key]) for key, one in whole.target.items())
    assert whole.places == pieces.places


def test_there_are_tasks_to_encode_for() -> None:
    assert len(TASKS) == 38


def table(folder: Path) -> Path:
    rows = ["1,1,0,a", "much,1,0,b", "1,2", "2,1,0,a", "3,1,0,c", "x,1,0,a"]
    (folder / "t.csv").write_text("\n".join(["x,y,number,side", *rows]) + "\n")
    return folder / "t.csv"


@pytest.fixture
def encoder() -> RecordEncoder:
    task = registry.task("tabular-regression")
    columns: dict[str, Any] = {name: [str(i * step / 7) for i in range(60)] for name, step in (("x", 1), ("y", 3))}
    states = {"inputs": {"table": task.inputs["table"].fit(columns)}, "target": task.target.fit(["1", "2", "4"])}
    mapping: dict[str, str | list[str]] = {"table": ["x", "y"], answer_field(task): "number"}
    return RecordEncoder(task, states, mapping, slices=["side"])


@pytest.mark.parametrize("size", [4096, 3, 2, 1])
def test_what_cannot_be_used_is_told_in_the_order_of_the_rows(
    size: int, encoder: RecordEncoder, tmp_path: Path
) -> None:
    from noria.sources.formats.opening import open_source

    told: list[str] = []
    for rows in open_source(table(tmp_path)).rows(size):
        chunk = encoder.chunk(rows)
        for index in range(len(chunk) + 1):
            told += [f"!{one.where}" for one in chunk.rejected if one.before == index]
            told += [f"{chunk.records.wheres()[index]} {chunk.ids[index]}"] if index < len(chunk) else []
        assert all(len(one) == len(chunk) for one in chunk.records.inputs["table"].values())
        assert len(chunk.records.slices["side"]) == len(chunk)
    assert told == ["t.csv:2 2", "!t.csv:3", "!t.csv:4", "t.csv:5 5", "t.csv:6 6", "!t.csv:7"]
    assert encoder.slice_names == {"side": ["a", "b", "c"]}  # of all records: which ones are used changes no code


def test_raw_values_are_those_of_the_usable_record(encoder: RecordEncoder, tmp_path: Path) -> None:
    from noria.sources.formats.opening import open_source

    chunk = encoder.chunk(next(open_source(table(tmp_path)).rows()))
    assert chunk.raw(1, encoder.task) == {"table": {"x": "2", "y": "1"}}
    assert chunk.raw_answer(1, encoder.task) == "0"


def test_a_divided_source_is_scored_on_its_test_split_and_the_rest_is_counted(
    encoder: RecordEncoder, tmp_path: Path
) -> None:
    from noria.sources.formats.opening import open_source

    for name, count in {"train": 5, "test": 2}.items():
        (tmp_path / f"{name}.csv").write_text("x,y,number,side\n" + "1,1,0,a\n" * count)
    with (tmp_path / "train.csv").open("a") as file:
        file.write("much,1,0,a\n1,2\n")  # what cannot be used there is none of test's
    source = open_source(tmp_path)
    chunks, left_out, _ = encoder.to_score(source)
    assert (sum(map(len, chunks)), left_out) == (2, {"train": 6})
    assert [one for chunk in chunks for one in chunk.rejected] == []
    assert sum(map(len, encoder.chunks(source))) == 7
    (tmp_path / "test.csv").unlink()
    chunks, left_out, _ = encoder.to_score(open_source(tmp_path))
    assert (sum(map(len, chunks)), left_out) == (5, {})
    assert len([one for chunk in chunks for one in chunk.rejected]) == 2


def test_a_chunk_of_another_split_is_left_out_even_where_nothing_in_it_can_be_used(
    encoder: RecordEncoder, tmp_path: Path
) -> None:
    from noria.sources.formats.opening import open_source

    (tmp_path / "train.csv").write_text("x,y,number,side\n1,2\n3,4\n")
    (tmp_path / "test.csv").write_text("x,y,number,side\n1,1,0,a\n")
    rejected = [one for chunk in encoder.chunks(open_source(tmp_path), ("test",)) for one in chunk.rejected]
    assert rejected == []


def test_data_to_score_is_read_once_unless_all_of_it_is_for_something_else(
    encoder: RecordEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from noria.sources.formats.csv_table import CsvTable
    from noria.sources.formats.opening import open_source

    read: list[str] = []
    rows = CsvTable.rows
    monkeypatch.setattr(CsvTable, "rows", lambda self, size: [read.append(self.path.name), *rows(self, size)][1:])
    encoder.to_score(open_source(table(tmp_path)))
    assert read == ["t.csv"]
    (tmp_path / "t.csv").unlink()
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text("x,y,number,side\n1,1,0,a\n")
    encoder.to_score(open_source(tmp_path))
    assert sorted(read) == ["t.csv", "test.csv", "train.csv"]


def test_records_of_one_group_have_one_number_and_those_without_a_group_are_alone(encoder: RecordEncoder) -> None:
    columns: dict[str, Any] = {"x": list("12345"), "y": list("12345"), "number": list("12345")}
    rows = Rows({**columns, "side": ["a", "b", "a", "", None]}, "t.csv", range(5))
    task, states, mapping = encoder.task, encoder.states, encoder.mapping
    assert encoder.chunk(rows).records.groups is None
    groups = RecordEncoder(task, states, mapping, group="side").chunk(rows).records.groups
    assert groups is not None
    assert groups[0] == groups[2]
    assert len(set(groups.tolist())) == 4


def test_a_record_that_was_not_read_does_not_move_one_that_was(encoder: RecordEncoder) -> None:
    values: dict[str, Any] = {"table": {"x": ["1", "2"], "y": ["1", "1"]}}
    unread = [Rejected("between", "broken", 1), Rejected("after", "broken", 9)]
    chunk = encoder.encode(values, ["a", "b"], ["1", "2"], unread)
    assert [(one.where, one.before) for one in chunk.rejected] == [("between", 1), ("after", 2)]
    assert chunk.records.target == {}
