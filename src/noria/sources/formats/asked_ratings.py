"""Histories whose answer is ratings: the items of the answer are what the history asks for.

A training history is its own answer, as all of it is to be learnt from: who learns hides what is foretold. Read next:
histories.py, targets/ratings/.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from noria.contract.source import Source
from noria.sources.core.history import History, history_of
from noria.sources.core.wrapped import WrappedSource
from noria.types import Rows


class AskedRatings(WrappedSource):
    """The histories of another source with `only`, the rated items of the answer, where they ask for nothing yet."""

    def __init__(self, source: Source, answer: str, are_divided: bool):
        super().__init__(source, list(source.columns))
        self._answer, self._are_divided = answer, are_divided

    def changed(self, rows: Rows) -> Rows:
        columns: dict[str, Any] = dict(rows.columns)
        histories, answers = list(columns["history"]), list(columns[self._answer])
        is_own = self._are_divided and rows.split == "train"
        for index, (given, told) in enumerate(zip(histories, answers, strict=True)):
            try:
                history, answer = history_of(given), _rated(history_of(told))
            except ValueError:  # which encoding says of the field that it is
                continue
            if is_own:
                history = _joined(history, answer)
                answer = _rated(history)
            histories[index] = history if history.only is not None else replace(history, only=list(answer.items))
            answers[index] = answer
        return replace(rows, columns={**columns, "history": histories, self._answer: answers})


def _rated(history: History) -> History:
    """Return the events that have a rating, of an item that is rated twice the last one."""
    last = {item: place for place, item in enumerate(history.items) if not np.isnan(history.ratings[place])}
    return _at(history, sorted(last.values()))


def _at(history: History, places: list[int]) -> History:
    chosen = np.array(places, np.int64)
    items = [history.items[place] for place in places]
    return replace(history, items=items, times=history.times[chosen], ratings=history.ratings[chosen], only=None)


def _joined(before: History, after: History) -> History:
    times, ratings = (np.concatenate([getattr(one, name) for one in (before, after)]) for name in ("times", "ratings"))
    return replace(before, items=[*before.items, *after.items], times=times, ratings=ratings)
