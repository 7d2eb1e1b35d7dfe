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
TAKEN = ("new", "repeated")
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
    """What became of feedback, by WORDS: how many there are; and the truths, of what was taken the first ones alone.

    reasons: why labels cannot be read, by place and id.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WORDS, 0))
    truths: dict[str, list[Truth]] = field(default_factory=lambda: {one: [] for one in WORDS})
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)

    def __getitem__(self, what: str) -> list[str]:
        """Return the ids of the truths of one kind."""
        return [one.id for one in self.truths[what]]

    def note(self, what: str, one: Truth, reason: str = "") -> None:
        """Note what became of a truth."""
        self.counts[what] += 1
        if what not in TAKEN or len(self.truths[what]) < SHOWN:  # a table may have more than memory holds
            self.truths[what].append(one)
        if reason:
            self.reasons[one.key] = reason

    def add(self, other: Taken) -> None:
        """Take in what became of others."""
        for what, found in other.truths.items():
            self.counts[what] += other.counts[what]
            room = max(0, SHOWN - len(self.truths[what])) if what in TAKEN else len(found)
            self.truths[what] += found[:room]
        self.reasons |= other.reasons

    def forget(self, what: str) -> list[Truth]:
        """Return the truths of one kind that is not taken, as if nothing had become of them."""
        found, self.truths[what], self.counts[what] = self.truths[what], [], 0
        return found

    @property
    def is_whole(self) -> bool:
        """Say whether every truth was taken, now or before."""
        return not any(count for what, count in self.counts.items() if what not in TAKEN)

    def sentences(self) -> list[str]:
        """Return a sentence for each that there is, with the first places."""
        return [f"{count:,} {WORDS[what]}: {self._some(what)}" for what, count in self.counts.items() if count]

    def as_json(self) -> dict[str, Any]:
        """Return the count of each kind, and the places of those that were not taken."""
        not_taken = [
            {"where": one.where, "id": one.id, "what": what, "reason": self.reasons.get(one.key, words)}
            for what, words in WORDS.items()
            for one in (self.truths[what] if what not in TAKEN else ())
        ]
        return {**self.counts, "not_taken": not_taken}

    def _some(self, what: str) -> str:
        shown = []
        for one in self.truths[what][:SHOWN]:
            reason = self.reasons.get(one.key, "")
            shown.append(" ".join(part for part in (one.where, one.id[:60], reason and f"({reason})") if part))
        count = self.counts[what] - len(shown)
        return ", ".join(shown) + (f" and {count:,} more" if count else "")


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
            taken.note("ambiguous", one)
        else:
            taken.note("expired" if any(map(sees, finder.models_once(one.id))) else "unknown", one)
    entries = []
    for about, pairs in groups.items():
        each, bad = worth(about)([kept.answer for _, kept in pairs], [one.label for one, _ in pairs])
        for index, ((one, kept), micro) in enumerate(zip(pairs, each, strict=True)):
            if index in bad:
                taken.note("unreadable", one, bad[index])
                continue
            what = _note(finder.transaction, name_of(about, one.id), one.label, time)
            taken.note(what, one)
            if what == "new":
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
