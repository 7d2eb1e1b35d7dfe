"""Feedback: what the truth was of an answer that was given, by its id; it turns the answer into realised value.

It may come late, and again: what is the same again changes nothing, and what contradicts is told and not taken. To take
feedback back, `noria ledger reverse feedback/..` does it in the ledger; `noria ledger entries` shows the keys.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from noria.database import Transaction
from noria.ledger.answers import Finder, Found, name_of
from noria.ledger.booking import book
from noria.ledger.entry import REALISED, VALUES, About, Entry, Posting, make_plain

# Of answers and truths, in millionths of the currency's unit; and, by their index, why a truth cannot be read.
Worth = Callable[[Sequence[Any], Sequence[Any]], tuple[list[int], Mapping[int, str]]]
SHOWN = 5
WORDS = {  # of one truth or of many
    "new": "taken",
    "repeated": "known already",
    "conflicting": "not taken, another label was told before, which stands",
    "expired": "not taken, too late: what was answered is no longer kept (NORIA_FEEDBACK_DAYS)",
    "ambiguous": "not taken, several answers have this id: say which model's, with the key that asked it",
    "unknown": "not taken, no answer of this id is kept",
    "unreadable": "not taken, the label cannot be read",
}


@dataclass(frozen=True)
class Truth:
    """What turned out to be true. where: its own place, for people."""

    id: str
    label: Any
    where: str = ""

    def __post_init__(self) -> None:
        make_plain(self, ["id"])

    @property
    def key(self) -> tuple[str, str]:
        """Return what tells it from others."""
        return self.where, self.id


@dataclass
class Taken:
    """What became of feedback, by WORDS; of labels that cannot be read the reasons, too, by place and id."""

    truths: dict[str, list[Truth]] = field(default_factory=lambda: {one: [] for one in WORDS})
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)

    def __getitem__(self, what: str) -> list[str]:
        """Return the ids of one kind."""
        return [one.id for one in self.truths[what]]

    def __add__(self, other: Taken) -> Taken:
        return Taken({one: [*self.truths[one], *other.truths[one]] for one in WORDS}, {**self.reasons, **other.reasons})

    def cannot_read(self, one: Truth, reason: str) -> None:
        """Note a label, or a whole line, that cannot be read."""
        self.truths["unreadable"].append(one)
        self.reasons[one.key] = reason

    @property
    def is_whole(self) -> bool:
        """Say whether every truth was taken, now or before."""
        return not any(found for what, found in self.truths.items() if what not in ("new", "repeated"))

    def sentences(self) -> list[str]:
        """Return a sentence for each that there is, with the first places."""
        return [f"{len(found)} {WORDS[what]}: {self._some(found)}" for what, found in self.truths.items() if found]

    def as_json(self) -> dict[str, Any]:
        """Return the count of each kind, and the places of those that were not taken."""
        told = {what: len(found) for what, found in self.truths.items()}
        not_taken = [
            {"where": one.where, "id": one.id, "what": what, "reason": self.reasons.get(one.key, words)}
            for what, words in WORDS.items()
            for one in (self.truths[what] if what not in ("new", "repeated") else ())
        ]
        return {**told, "not_taken": not_taken}

    def _some(self, found: Sequence[Truth]) -> str:
        shown = []
        for one in found[:SHOWN]:
            reason = self.reasons.get(one.key, "")
            shown.append(" ".join(part for part in (one.where, one.id[:60], reason and f"({reason})") if part))
        return ", ".join(shown) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")


def give(
    finder: Finder, truths: Iterable[Truth], worth: Callable[[About], Worth], time: float,
    sees: Callable[[str], bool] = lambda _: True,
) -> Taken:  # fmt: skip
    """Book what answers were worth, in the finder's transaction. sees: says of a model whether it may be told of.

    worth: of the answers of a model, by what they are about.
    """
    taken = Taken()
    groups: dict[About, list[tuple[Truth, Found]]] = defaultdict(list)
    for one in truths:
        found = [answer for answer in finder.find(one.id) if sees(answer.about.model)]
        if len(found) == 1:
            groups[found[0].about].append((one, found[0]))
        elif found:
            taken.truths["ambiguous"].append(one)
        else:
            taken.truths["expired" if any(map(sees, finder.models_once(one.id))) else "unknown"].append(one)
    entries = []
    for about, pairs in groups.items():
        each, bad = worth(about)([kept.answer for _, kept in pairs], [one.label for one, _ in pairs])
        for index, ((one, kept), micro) in enumerate(zip(pairs, each, strict=True)):
            if index in bad:
                taken.cannot_read(one, bad[index])
            elif (what := _note(finder.transaction, name_of(about, one.id), one.label, time)) != "new":
                taken.truths[what].append(one)
            else:
                taken.truths["new"].append(one)
                entries.append(_entry(name_of(about, one.id), kept, micro, time))
    book(finder.transaction, entries)
    return taken


def _note(transaction: Transaction, name: str, label: Any, time: float) -> str:
    """Note the truth of an answer, once; return whether it is new, repeated or conflicting."""
    told = json.dumps(label, sort_keys=True)
    note = "insert into feedback values (?, ?, ?) on conflict (id) do nothing returning id"
    if transaction.run(note, name, told, time):
        return "new"
    ((before,),) = transaction.run("select truth from feedback where id = ?", name)
    return "repeated" if before == told else "conflicting"


def _entry(name: str, found: Found, micro: int, time: float) -> Entry:
    postings = (Posting(REALISED, micro), Posting(VALUES, -micro))
    about = replace(found.about, activity="feedback")
    return Entry(f"feedback/{name}", time, about, {"feedback": 1}, postings, found.currency, "stated")
