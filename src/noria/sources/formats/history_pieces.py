"""Histories cut into pieces that a network reads at once, each its own answer: what went right is foretold within it.

The pieces of one user stay in one split. Read next: histories.py, sources/core/history.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from noria.contract.source import Source
from noria.sources.core.history import History, history_of
from noria.sources.core.wrapped import MappedSource


class HistoryPieces(MappedSource):
    """The histories of another source, at most so many events each; the column of the answer is the piece itself."""

    def __init__(self, source: Source, answer: str, most: int):
        super().__init__(source, list(dict.fromkeys([*source.columns, answer])))
        self._answer, self._most = answer, most

    def groups(self) -> Sequence[str]:
        """Return what belongs together in the source, and the column of users."""
        found = super().groups()
        return [*found, *(["user"] if "user" in self.columns and "user" not in found else [])]

    def notes(self) -> list[str]:
        """Return the notes of the source, and how histories are cut."""
        return [*super().notes(), f"histories are read in pieces of at most {self._most:,} events"]

    def converted(self, fields: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Return the pieces of one history; ValueError where it is none."""
        history = history_of(fields["history"])
        starts = range(0, max(1, len(history.items)), self._most)
        pieces = [_piece(history, start, start + self._most) for start in starts]
        return [{**fields, "history": one, self._answer: one} for one in pieces]


def _piece(history: History, start: int, end: int) -> History:
    return replace(
        history, items=history.items[start:end], times=history.times[start:end], ratings=history.ratings[start:end]
    )
