"""Gather whole files into Rows: columns `file` and, where there are classes, `label`; one Rows holds one split.

Knows neither folders nor archives. Read next: folder.py, archive.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noria.nouns import Bad, Rows
from noria.sources.layout import Place
from noria.sources.source import CHUNK_BYTES


@dataclass
class _Pending:
    names: list[str] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    num_bytes: int = 0


class FileRows:
    """Files come in by any order of splits and go out as soon as a split has a chunk of them."""

    def __init__(self, columns: list[str], origin: str, chunk_size: int):
        self._columns, self._origin, self._chunk_size = columns, origin, chunk_size
        self._pending: dict[str, _Pending] = {}
        self._bad: list[Bad] = []

    def add(self, place: Place, name: str, data: bytes) -> Iterator[Rows]:
        """Take one file; yield a chunk where one is full."""
        pending = self._pending.setdefault(place.split, _Pending())
        pending.names.append(name)
        pending.files.append(data)
        pending.labels.append(place.label or "")
        pending.num_bytes += len(data)
        if len(pending.names) >= self._chunk_size or pending.num_bytes >= CHUNK_BYTES:
            yield self._rows(place.split)

    def add_bad(self, name: str, reason: str) -> Iterator[Rows]:
        """Take one file that cannot be used."""
        self._bad.append(Bad(f"{self._origin}/{name}", reason))
        if len(self._bad) >= self._chunk_size:
            yield self._rows("")

    def rest(self) -> Iterator[Rows]:
        """Yield what is left."""
        for split in list(self._pending):
            yield self._rows(split)
        if self._bad:
            yield self._rows("")

    def _rows(self, split: str) -> Rows:
        pending = self._pending.pop(split, _Pending())
        values: dict[str, list[Any]] = {"file": pending.files, "label": pending.labels}
        columns: dict[str, list[Any] | np.ndarray] = {name: values[name] for name in self._columns}
        bad, self._bad = self._bad, []
        return Rows(columns, self._origin, pending.names, split, bad)
