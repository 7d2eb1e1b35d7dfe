"""What is written into a store comes out of it under the names that it went in by."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from noria.store.array_store import StoreWriter, read_store


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
