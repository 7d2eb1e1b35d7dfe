"""Histories whose answer is ratings: the items of the answer are what the history asks for.

Read next: own_answers.py, targets/ratings/, which hides in training what it foretells.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from noria.sources.core.history import History
from noria.sources.formats.own_answers import OwnAnswers, some_of


class AskedRatings(OwnAnswers):
    """The histories of another source with `only`, the rated items of the answer, where they ask for nothing yet."""

    def learnt(self, whole: History) -> tuple[History, History]:
        return self.held_out(whole, whole)

    def held_out(self, history: History, answer: History) -> tuple[History, History]:
        answer = _rated(answer)
        return history if history.only is not None else replace(history, only=list(answer.items)), answer


def _rated(history: History) -> History:
    """Return the events that have a rating; of an item that is rated twice the last one."""
    last = {item: place for place, item in enumerate(history.items) if not np.isnan(history.ratings[place])}
    return replace(some_of(history, sorted(last.values())), only=None)
