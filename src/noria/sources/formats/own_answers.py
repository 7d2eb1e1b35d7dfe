"""Histories divided by a protocol, of which all that training has is its own answer: who learns may look at it whole.

Read next: histories.py, asked_ratings.py, last_events.py.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np

from noria.contract.source import Source
from noria.sources.core.history import History, history_of
from noria.sources.core.wrapped import WrappedSource
from noria.types import Rows


class OwnAnswers(WrappedSource):
    """The histories of another source, each record's question and answer in another form."""

    def __init__(self, source: Source, answer: str, are_divided: bool):
        super().__init__(source, list(source.columns))
        self._answer, self._are_divided = answer, are_divided

    @abstractmethod
    def learnt(self, whole: History) -> tuple[History, History]:
        """Return question and answer of a training record, by all that is known of it."""

    @abstractmethod
    def held_out(self, history: History, answer: History) -> tuple[History, History]:
        """Return question and answer of any other record."""

    def changed(self, rows: Rows) -> Rows:
        columns: dict[str, Any] = dict(rows.columns)
        histories, answers = list(columns["history"]), list(columns[self._answer])
        is_learnt = self._are_divided and rows.split == "train"
        for index, (given, told) in enumerate(zip(histories, answers, strict=True)):
            try:
                history, answer = history_of(given), history_of(told)
            except ValueError:  # encoding says so of the field that it is
                continue
            made = self.learnt(joined(history, answer)) if is_learnt else self.held_out(history, answer)
            histories[index], answers[index] = made
        return replace(rows, columns={**columns, "history": histories, self._answer: answers})


def joined(before: History, after: History) -> History:
    """Return a history that goes on with the events of another one."""
    times, ratings = (np.concatenate([getattr(one, name) for one in (before, after)]) for name in ("times", "ratings"))
    return replace(before, items=[*before.items, *after.items], times=times, ratings=ratings)


def some_of(history: History, places: list[int]) -> History:
    """Return a history with some of its events."""
    chosen = np.array(places, np.int64)
    items = [history.items[place] for place in places]
    return replace(history, items=items, times=history.times[chosen], ratings=history.ratings[chosen])
