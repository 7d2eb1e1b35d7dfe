"""Whether neighbours are of one kind by their attributes, though nearness was learnt from what people did."""

from __future__ import annotations

import numpy as np

from noria.modalities.items.catalogue import ITEM, Catalogue
from noria.targets.ranking.metrics import PLACES
from noria.types import Panel


def alike(catalogue: Catalogue, asked: np.ndarray, items: np.ndarray) -> Panel | None:
    """Return by column how much of their attributes items share with their neighbours, and with any popular item.

    asked int[n], items int[n, kept], codes. None where nothing is known of items.
    """
    names = catalogue.attributes(ITEM)
    is_pair = (items[:, :PLACES] >= 0) & (asked[:, None] < catalogue.size)
    first, near = np.repeat(asked, is_pair.sum(1)), items[:, :PLACES][is_pair]
    if not names or not len(first):
        return None
    share = catalogue.popularity / max(1, catalogue.popularity.sum())
    other = np.random.default_rng(0).choice(catalogue.size, len(first), p=share)
    rows = []
    for column in sorted({name.partition("=")[0] for name in names}):
        own = np.array([name.partition("=")[0] == column for name in names])
        table = _has(catalogue)[:, own]
        is_known = table[first].any(1)
        shared = [_shared(table[first[is_known]], table[one[is_known]]) for one in (near, other)]
        rows.append([column, int(is_known.sum()), *(round(float(one), 4) for one in shared)])
    columns = ["attribute", "pairs", "shared with neighbours", "shared with items drawn by popularity"]
    note = "Shared: values that both have of those that either has, mean over the first ten neighbours of each item."
    return Panel("table", "Neighbours and attributes", {"columns": columns, "rows": rows}, note)


def _has(catalogue: Catalogue) -> np.ndarray:
    """Return bool[N, attributes]."""
    rows = catalogue.attributes_of_items()
    found = np.zeros((len(rows), len(catalogue.attributes(ITEM))), bool)
    found[np.repeat(np.arange(len(rows)), rows.lengths), rows.values] = True
    return found


def _shared(one: np.ndarray, other: np.ndarray) -> float:
    if not len(one):
        return 0.0
    return float(((one & other).sum(1) / np.maximum(1, (one | other).sum(1))).mean())
