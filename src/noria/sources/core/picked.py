"""Some records of another source, by their places. Knows no format. Read next: wrapped.py."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from noria.contract.source import Source
from noria.sources.core.wrapped import WrappedSource
from noria.types import Rows


class Picked(WrappedSource):
    """The records of a source that stand at some places, in its order; nothing is said of the others."""

    def __init__(self, source: Source, places: Collection[str]):
        super().__init__(source, source.columns)
        self._places = frozenset(places)

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the chunks of which something is left."""
        yield from (rows for rows in super().rows(chunk_size) if len(rows))

    def changed(self, rows: Rows) -> Rows:
        """Return the records of a chunk that are picked."""
        chosen = [i for i in range(len(rows)) if rows.where(i) in self._places]
        columns = {
            name: values[chosen] if isinstance(values, np.ndarray) else [values[i] for i in chosen]
            for name, values in rows.columns.items()
        }
        return Rows(columns, rows.origin, np.array(rows.numbers, object)[chosen].tolist(), rows.split)
