"""Recordings without segments: a column more, of the stretches in which each clean clip is loud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from noria.contract.source import Source
from noria.sound.energy import loud_spans
from noria.sound.reading import read_sound
from noria.sources.core.named_file import read_file
from noria.sources.core.wrapped import WrappedSource
from noria.types import Rows

BY_ENERGY = "by_energy"  # how such an answer is told from one that somebody gave


class SpeechByEnergy(WrappedSource):
    """A source with the column `name` more: {"by_energy": [[start_s, end_s], ..]} of the sounds in `column`."""

    def __init__(self, source: Source, column: str, name: str, range_db: float) -> None:
        super().__init__(source, [*source.columns, name])
        self._column, self._name, self._range_db = column, name, range_db

    def changed(self, rows: Rows) -> Rows:
        """Return the records with what is loud in them; what is no sound has none, as reading it will say."""
        found = [self._spans(value) for value in rows.columns[self._column]]
        return replace(rows, columns={**rows.columns, self._name: found})

    def _spans(self, value: Any) -> Mapping[str, Any]:
        try:
            content = read_file(self.root, value) if isinstance(value, str) else value
            return {BY_ENERGY: loud_spans(read_sound(content), self._range_db)}
        except ValueError:
            return {BY_ENERGY: []}
