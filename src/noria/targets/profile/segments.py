"""What a history has more of than others have: attributes by lift, and how near to the mainstream it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from noria.modalities.items.attributes import described
from noria.modalities.items.catalogue import ITEM, Catalogue
from noria.types import Ragged, State

LEAST_EVENTS = 3  # of a history with an attribute, below which it is no segment
LEAST_SURPRISE = 2.0  # standard deviations above what chance makes of the usual share
WORTH = 10.0  # events of the usual kind that are added to each history: a few events are no character
MOST_SEGMENTS = 8


def counted(catalogue: Catalogue, items: Ragged) -> np.ndarray:
    """Return float32[n, attributes], how many events of each history are of items that have each attribute."""
    rows = np.repeat(np.arange(len(items)), items.lengths)
    is_known = items.values < catalogue.size
    found = np.zeros((len(items), len(catalogue.attributes(ITEM))), np.float32)
    if found.shape[1]:
        has = described(catalogue.attributes_of_items(), np.arange(found.shape[1]))[:, :-1]
        for index in range(len(items)):
            own = items.values[(rows == index) & is_known]
            found[index] = np.asarray(has[own].sum(0)).ravel()
    return found


def usual_shares(catalogue: Catalogue) -> np.ndarray:
    """Return float64[attributes], the share of each among the events of training."""
    weights = catalogue.popularity / max(1, catalogue.popularity.sum())
    attributes = catalogue.attributes_of_items()
    has = described(attributes, np.arange(len(catalogue.attributes(ITEM))))[:, :-1]
    return np.asarray(has.T @ weights).ravel()


def mainstream(catalogue: Catalogue, items: Ragged) -> np.ndarray:
    """Return float32[n]: the mean over a history's events of the share of training events with less popular items.

    0.5 is what everybody has together; 0 for a history without any known item.
    """
    counts = catalogue.popularity.astype(np.float64)
    share = counts / max(1.0, counts.sum())
    less = 1 - np.cumsum(share) + share / 2  # items are numbered by their popularity
    rows = np.repeat(np.arange(len(items)), items.lengths)
    is_known = items.values < catalogue.size
    summed = np.bincount(rows[is_known], less[items.values[is_known]], len(items))
    return np.asarray(summed / np.maximum(1, np.bincount(rows[is_known], minlength=len(items))), np.float32)


def segments(state: State, counts: np.ndarray, events: int) -> list[dict[str, Any]]:
    """Return what stands out in one history, what surprises most first: `segment`, `share`, `usual`, `lift`."""
    names, usual = Catalogue(state).attributes(ITEM), np.asarray(state["usual"], np.float64)
    if not events or not names:
        return []
    expected = events * usual
    surprise = (counts - expected) / np.sqrt(np.maximum(expected * (1 - usual), 1e-9))
    lift = (counts + WORTH * usual) / np.maximum((events + WORTH) * usual, 1e-12)
    is_one = (counts >= LEAST_EVENTS) & (surprise >= LEAST_SURPRISE) & (usual > 0)
    order = [place for place in np.argsort(-surprise, kind="stable") if is_one[place]][:MOST_SEGMENTS]
    return [
        {
            "segment": names[place],
            "share": round(float(counts[place] / events), 4),
            "usual": round(float(usual[place]), 4),
            "lift": round(float(lift[place]), 2),
        }
        for place in order
    ]
