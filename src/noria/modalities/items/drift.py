"""New histories beside those of training: items that the catalogue does not have, and users of whom nothing is known.

Read next: pipeline/drift.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from noria.contract.capabilities import DriftMeter
from noria.modalities.items.catalogue import USER, Catalogue, history_or_empty
from noria.types import Arrays, State, Values

MANY = 0.05  # a share of unknown events that is larger is said; in `only` and `without` each item is


class HistoryDrift(DriftMeter):
    """Count what histories name that training does not know."""

    def __init__(self, state: State) -> None:
        self._catalogue = Catalogue(state)
        self._columns = {one.partition("=")[0] for one in self._catalogue.attributes(USER)}
        self._counts = dict.fromkeys(("items", "only", "without", "user"), 0)
        self._unknown: dict[str, list[str]] = {part: [] for part in self._counts}

    def see(self, values: Values, arrays: Arrays) -> None:
        histories = [history_or_empty(value)[0] for value in values]
        self._look("items", [item for one in histories for item in one.items])
        self._look("only", [item for one in histories for item in one.only or ()])
        self._look("without", [item for one in histories for item in one.without])
        who = [column for one in histories for column in one.user]
        self._counts["user"] += len(who)
        self._unknown["user"] += [column for column in who if column not in self._columns]

    def _look(self, part: str, items: Sequence[str]) -> None:
        codes = self._catalogue.codes(items)
        self._counts[part] += len(items)
        self._unknown[part] += [one for one, code in zip(items, codes, strict=True) if code == self._catalogue.size]

    def sentences(self) -> list[str]:
        found = []
        if len(self._unknown["items"]) > MANY * self._counts["items"]:
            found.append(self._sentence("items", "events are of items that training does not know"))
        for part in ("only", "without"):
            if self._unknown[part]:
                found.append(self._sentence(part, f"items of `{part}` are none of the catalogue"))
        if self._unknown["user"]:
            found.append(self._sentence("user", "attributes of users say nothing that training has learnt from"))
        return found

    def _sentence(self, part: str, what: str) -> str:
        unknown = self._unknown[part]
        return f"{len(unknown):,} of {self._counts[part]:,} {what} (as {unknown[0]!r})"
