"""Items: a history of what somebody did with items, each a token, in order; who it is stands in the first token.

Read next: catalogue.py, embedder.py, sources/core/history.py (how a history is written).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Modality
from noria.contract.capabilities import (
    DescribesValues,
    DetectsDrift,
    Displays,
    DriftMeter,
    TellsReading,
    Truncates,
    Vectorizes,
    WarmStarts,
)
from noria.modalities.items.arrays import GAPS_S
from noria.modalities.items.catalogue import USER, Catalogue, fit_catalogue, history_or_empty
from noria.sources.core.history import History
from noria.types import Arrays, Encoded, Panel, Ragged, State, Values

if TYPE_CHECKING:
    from torch import nn

NETWORK_ONLY = {"network_only": True}
SHOWN_ITEMS = 20
EXAMPLE_ITEMS = 3
TOLD_ITEMS = 200  # of a catalogue: as many as one looks through


@dataclass(frozen=True)
class Items(Modality, WarmStarts, Truncates, TellsReading, Displays, Vectorizes, DetectsDrift, DescribesValues):
    """A history: a list of items, or of {"item", "time", "rating"}; in it {"user": {...}} says who it is, and
    {"only": [..]} and {"without": [..]} which items may be answered.

    Arrays, Ragged: `items` int32, of events in order, the catalogue's size for one that it does not have; `gaps` uint8,
    how long after the one before; `levels` uint8, of the rating; `user` int32, attributes; `seen` int32, the items of
    all events in order; `only`, `without` int32, sets of items. `has_only` uint8[n].
    """

    kind: ClassVar[str] = "items"
    num_fit_records: ClassVar[int] = 2**62  # an item that is not seen here is unknown

    max_items: int = 200
    """Events that are read, the newest; all of them count as seen. Memory and time grow with it."""
    reads_gaps: bool = field(default=True, metadata=NETWORK_ONLY)
    """Whether the time between events is read."""
    reads_ratings: bool = field(default=True, metadata=NETWORK_ONLY)
    """Whether ratings in the history are read."""
    asks: bool = field(default=False, metadata=NETWORK_ONLY)
    """Whether an event is two tokens: which item it is, then with its rating. Where ratings are foretold one by one."""
    decay: float = field(default=1.0, metadata=NETWORK_ONLY)
    """Weight of an event against the next newer one, for the linear model: 1 without order, else about 0.8."""

    def __post_init__(self) -> None:
        if self.max_items < 1 or not 0 < self.decay <= 1:
            raise ValueError("max_items must be at least 1, decay more than 0 and at most 1")

    def fit(self, values: Values) -> State:
        return fit_catalogue(values)

    def warm_start(self, state: State) -> State | None:
        return state

    def most_read(self) -> tuple[str, int]:
        return "max_items", self.max_items

    def encode(self, values: Values, state: State) -> Encoded:
        catalogue = Catalogue(state)
        found = [history_or_empty(value) for value in values]
        histories = [history for history, _ in found]
        bad = {index: reason for index, (_, reason) in enumerate(found) if reason}
        items = _coded(catalogue, [one.items for one in histories])
        arrays = {
            "items": _newest(items, self.max_items),
            "gaps": _newest(Ragged.of([_gaps(one) for one in histories], np.uint8), self.max_items),
            "levels": _newest(Ragged.of([catalogue.level(one.ratings) for one in histories], np.uint8), self.max_items),
            "user": Ragged.of([catalogue.user_codes(one.user) for one in histories], np.int32),
            "seen": items,
            "only": _coded(catalogue, [one.only or () for one in histories]),
            "without": _coded(catalogue, [one.without for one in histories]),
            "has_only": np.array([one.only is not None for one in histories], np.uint8),
        }
        return Encoded(arrays, bad, items.beyond(self.max_items))

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.modalities.items.embedder import HistoryEmbedder

        return HistoryEmbedder(Catalogue(state), width, self.reads_gaps, self.reads_ratings, self.asks)

    def vectorizer(self, state: State) -> nn.Module:
        from noria.modalities.items.embedder import HistoryFeatures

        return HistoryFeatures(Catalogue(state).size, self.decay)

    def drift_meter(self, state: State) -> DriftMeter:
        from noria.modalities.items.drift import HistoryDrift

        return HistoryDrift(state)

    def value_facts(self, state: State) -> dict[str, Any]:
        """Return the most popular items and their titles; the first of them are somebody's history."""
        catalogue = Catalogue(state)
        popular = range(min(TOLD_ITEMS, catalogue.size))
        titles = {catalogue.item(code): catalogue.title(code) for code in popular}
        return {"items": titles, "example": list(titles)[:EXAMPLE_ITEMS]}

    def display(self, arrays: Arrays, state: State) -> str:
        catalogue = Catalogue(state)
        names = catalogue.attributes(USER)
        who = ", ".join(names[int(code)] for code in arrays["user"])
        shown = arrays["items"][-SHOWN_ITEMS:].tolist()
        titles = ["(unknown)" if code >= catalogue.size else catalogue.title(code) for code in shown]
        more = len(arrays["items"]) - len(shown)
        return f"{who}{': ' if who else ''}{f'... {more} more · ' if more else ''}{' · '.join(titles)}"

    def remarks(self, state: State) -> list[str]:
        catalogue = Catalogue(state)
        cold = int((catalogue.popularity == 0).sum())
        found = [f"a catalogue of {catalogue.size:,} items, which training names {state['events']:,} times"]
        if cold:
            found.append(f"{cold:,} of its items no training history has: they are known by their attributes alone")
        if catalogue.levels:
            found.append(
                f"{len(catalogue.levels)} levels of rating, {catalogue.levels[0]:g} to {catalogue.levels[-1]:g}"
            )
        return found

    def reading(self, state: State) -> Panel | None:
        return None


def _coded(catalogue: Catalogue, rows: list) -> Ragged:  # type: ignore[type-arg]
    """Return the codes of items, row by row; all rows are looked up at once."""
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)]).astype(np.int64)
    return Ragged(catalogue.codes([item for row in rows for item in row]), offsets)


def _newest(rows: Ragged, most: int) -> Ragged:
    """Return the last values of each row."""
    lengths = np.minimum(rows.lengths, most)
    return Ragged.of(
        [rows.values[end - length : end] for end, length in zip(rows.offsets[1:], lengths, strict=True)],
        rows.values.dtype,
    )


def _gaps(history: History) -> np.ndarray:
    """Return uint8[n]: 0 where it is not known how long after the one before an event is, else 1 and more."""
    with np.errstate(invalid="ignore"):
        apart = np.diff(history.times, prepend=np.nan)
    return np.where(np.isnan(apart), 0, np.searchsorted(GAPS_S, np.nan_to_num(apart)) + 1).astype(np.uint8)
