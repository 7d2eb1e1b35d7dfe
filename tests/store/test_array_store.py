"""A store is what was written, under the names that it went in by, or it is prepared again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from noria.store.array_store import DamagedStore, StoreWriter, read_store, usable_store
from noria.types import Ragged


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with StoreWriter(tmp_path / "store") as writer:
        for start in (0, 2):
            rows = Ragged.of([[1, 2], [3]], np.int32)
            arrays = {"inputs/text/ids": rows, "target/label": np.arange(start, start + 2)}
            writer.append("train", arrays, ["a", "b"])
        writer.close()
        writer.publish({"states": {"vocabulary": np.arange(9), "plain": 1.5, "by number": {2: "b", 10: "a"}}})
    return tmp_path / "store"


def files_of(store: Path) -> list[Path]:
    found = sorted(path for path in store.rglob("*") if path.is_file())
    assert len(found) == 6
    return found


def test_what_was_written_is_read(store: Path) -> None:
    stored = read_store(store)
    assert stored is not None
    assert stored[0]["train"].target["label"].tolist() == [0, 1, 2, 3]
    assert stored[1]["states"]["vocabulary"].tolist() == list(range(9))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_bit_flipped_in_any_file_is_found_and_told_and_the_store_goes(store: Path, share: float) -> None:
    for file in files_of(store):
        data = bytearray(file.read_bytes())
        data[int(share * len(data))] ^= 1
        damaged = store.with_name(f"{file.name} {share}")
        shutil.copytree(store, damaged)
        (damaged / file.relative_to(store)).write_bytes(data)
        told: list[str] = []
        assert usable_store(damaged, told.append) is None, file
        assert len(told) == 1
        assert "prepared again" in told[0]
        assert not damaged.exists()


@pytest.mark.parametrize("damage", ["gone", "empty", "folder", "longer"])
def test_a_file_that_is_not_what_was_written_in_any_way_is_found(store: Path, damage: str) -> None:
    for file in files_of(store):
        damaged = store.with_name(file.name)
        shutil.copytree(store, damaged)
        there = damaged / file.relative_to(store)
        if damage == "longer":
            there.write_bytes(there.read_bytes() + b" 1")
        elif damage == "empty":
            there.write_bytes(b"")
        else:
            there.unlink()
        if damage == "folder":
            there.mkdir()
        with pytest.raises(DamagedStore):
            read_store(damaged)


@pytest.mark.parametrize("content", ["[]", "null", "{}", "[" * 100_000, '{"digest": 1, "files": []}', "\ud800"])
def test_a_manifest_that_is_something_else_is_no_manifest(store: Path, content: str) -> None:
    (store / "manifest.json").write_text(content, "utf-8", "surrogatepass")
    with pytest.raises(DamagedStore):
        read_store(store)


def test_a_store_that_may_only_be_read_is_read(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError

    monkeypatch.setattr("os.utime", refuse)
    assert read_store(store) is not None


@pytest.mark.parametrize("column", ["site", "price/year", "a=b", "患者所在医院" * 20, "x" * 1000, "x" * 999 + "y"])
def test_a_slice_is_named_after_a_column_of_any_length(column: str, tmp_path: Path) -> None:
    other = column + "!"
    with StoreWriter(tmp_path / "store") as writer:
        arrays = {"inputs/a/b": np.zeros(2), "target/c": np.zeros(2)}
        slices = {f"slices/{quote(name, safe='')}": np.full(2, i) for i, name in enumerate((column, other))}
        writer.append("train", arrays | slices, ["1", "2"])
        written = writer.close()["train"].slices
        writer.publish({})
    stored = read_store(tmp_path / "store")
    assert stored is not None
    for found in (written, stored[0]["train"].slices):
        assert {name: values.tolist() for name, values in found.items()} == {column: [0, 0], other: [1, 1]}
