"""Histories that ask for what lies near to their last event, or for who it is; what came next is the answer.

Read next: own_answers.py, targets/neighbours/, targets/profile/.
"""

from __future__ import annotations

from noria.sources.core.history import History
from noria.sources.formats.own_answers import OwnAnswers, some_of


class LastEvents(OwnAnswers):
    """The histories of another source, those held out with their last event alone."""

    def learnt(self, whole: History) -> tuple[History, History]:
        return whole, whole

    def held_out(self, history: History, answer: History) -> tuple[History, History]:
        count = len(history.items)
        return some_of(history, list(range(count))[-1:]), answer


class WholeHistories(OwnAnswers):
    """The histories of another source; the answer of one of training is all of it."""

    def learnt(self, whole: History) -> tuple[History, History]:
        return some_of(whole, list(range(len(whole.items)))[:-1]), whole

    def held_out(self, history: History, answer: History) -> tuple[History, History]:
        return history, answer
