"""Gather whole files into Rows: `file` and, where there are classes, `label`, or other columns; one split a Rows.

Knows neither folders nor archives. Read next: folder.py, archive.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noria.sources.core.layout import Place
from noria.sources.core.limits import CHUNK_BYTES
from noria.types import Rejected, Rows


@dataclass
class _Pending:
    names: list[str] = field(default_factory=list)
    records: list[tuple[Any, ...]] = field(default_factory=list)
    num_bytes: int = 0
    bad: list[Rejected] = field(default_factory=list)


class FileRows:
    """Files come in by any order of splits and go out as soon as a split has a chunk of them."""

    def __init__(self, columns: list[str], origin: str, chunk_size: int):
        self._columns, self._origin, self._chunk_size = columns, origin, chunk_size
        self._pending: dict[str, _Pending] = {}
        self._last = ""  # the split of the file before: one that cannot be used stands beside it

    def add(self, place: Place, name: str, data: bytes) -> Iterator[Rows]:
        """Take one file; yield a chunk where one is full."""
        yield from self.add_record(place.split, name, (data, place.label or "")[: len(self._columns)], len(data))

    def add_record(self, split: str, name: str, values: tuple[Any, ...], num_bytes: int) -> Iterator[Rows]:
        """Take one record, a value a column, that the file `name` gives; yield a chunk where one is full."""
        self._last = split
        pending = self._pending.setdefault(split, _Pending())
        pending.names.append(name)
        pending.records.append(values)
        pending.num_bytes += num_bytes
        if len(pending.names) >= self._chunk_size or pending.num_bytes >= CHUNK_BYTES:
            yield self._rows(split)

    def add_bad(self, name: str, reason: str) -> Iterator[Rows]:
        """Take one file that cannot be used."""
        pending = self._pending.setdefault(self._last, _Pending())
        pending.bad.append(Rejected(f"{self._origin}/{name}", reason, len(pending.names)))
        if len(pending.bad) >= self._chunk_size:
            yield self._rows(self._last)

    def rest(self) -> Iterator[Rows]:
        """Yield what is left."""
        for split in list(self._pending):
            yield self._rows(split)

    def _rows(self, split: str) -> Rows:
        pending = self._pending.pop(split, _Pending())
        columns: dict[str, list[Any] | np.ndarray] = {
            name: [record[place] for record in pending.records] for place, name in enumerate(self._columns)
        }
        return Rows(columns, self._origin, pending.names, split, pending.bad)
