"""What the tests of sources share: where real data may stand, and all records of a source in one go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from noria.contract.source import Source
from noria.types import Bad

Record = tuple[str, str, tuple[object, ...]]  # where it stands, split, values in the order of the columns


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data beside the repository, or a skip."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data is not at {folder}")
    return folder


@pytest.fixture
def read_all() -> Callable[..., tuple[list[Record], list[Bad]]]:
    """A function: source -> all its records and all its bad ones."""

    def read(source: Source, chunk_size: int = 4096) -> tuple[list[Record], list[Bad]]:
        records: list[Record] = []
        bad: list[Bad] = []
        for rows in source.rows(chunk_size):
            assert {len(values) for values in rows.columns.values()} == {len(rows)}
            bad.extend(rows.bad)
            for i in range(len(rows)):
                records.append((rows.where(i), rows.split, tuple(rows.columns[name][i] for name in source.columns)))
        return records, bad

    return read
