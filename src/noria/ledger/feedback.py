"""Feedback: what the truth was of an answer that was given, by its id; it turns the answer into realised value.

It may come late, and again: what is the same again changes nothing, and what contradicts is told and not taken. To take
feedback back, `noria ledger reverse feedback/ID` does it in the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from noria.database import Transaction
from noria.ledger import answers
from noria.ledger.booking import book
from noria.ledger.entry import REALISED, VALUES, About, Entry, Posting

Worth = Callable[[Any, Any], int]  # of an answer and the truth, in millionths of the currency's unit
SHOWN = 5


@dataclass
class Taken:
    """What became of feedback, by ids."""

    new: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    conflicting: list[str] = field(default_factory=list)  # another truth was told before
    unknown: list[str] = field(default_factory=list)  # no answer of this id is kept

    def sentences(self) -> list[str]:
        """Return a sentence for each that there is."""
        told = {
            "answers have their value now": self.new,
            "were told before": self.repeated,
            "contradict what was told before, which stands": self.conflicting,
            "are ids of no answer that is kept": self.unknown,
        }
        return [f"{len(ids)} {what}: {_some(ids)}" for what, ids in told.items() if ids]


def give(
    transaction: Transaction, truths: Iterable[tuple[str, Any]], worth: Callable[[About], Worth], time: float
) -> Taken:
    """Book what answers were worth, by ids and truths. worth: of the answers of a model, by what they are about."""
    taken, entries = Taken(), []
    for answer_id, truth in truths:
        if (found := answers.find(transaction, answer_id)) is None:
            taken.unknown.append(answer_id)
            continue
        told = json.dumps(truth, sort_keys=True)
        note = "insert into feedback values (?, ?, ?) on conflict (id) do nothing returning id"
        if not transaction.run(note, answer_id, told, time):
            ((before,),) = transaction.run("select truth from feedback where id = ?", answer_id)
            (taken.repeated if before == told else taken.conflicting).append(answer_id)
            continue
        answer, about, currency = found
        micro = worth(about)(answer, truth)
        postings = (Posting(REALISED, micro), Posting(VALUES, -micro))
        own = replace(about, activity="feedback")
        entries.append(Entry(f"feedback/{answer_id}", time, own, {"feedback": 1}, postings, currency, "stated"))
        taken.new.append(answer_id)
    book(transaction, entries)
    return taken


def _some(ids: list[str]) -> str:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return ", ".join(one[:60] for one in ids[:SHOWN]) + more
