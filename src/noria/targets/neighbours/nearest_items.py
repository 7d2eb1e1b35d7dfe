"""The items of a catalogue whose vectors lie nearest: exact, over all of them, without what may not be answered."""

from __future__ import annotations

from typing import Any

import numpy as np

from noria.modalities.items.arrays import HAS_ONLY, ONLY, SEEN, WITHOUT
from noria.modalities.items.catalogue import Catalogue
from noria.model.nearest import nearest
from noria.targets.ranking.metrics import NOTHING
from noria.types import Arrays

KEPT = 100  # items that are kept of a search


def nearest_items(table: np.ndarray, vectors: np.ndarray, arrays: Arrays) -> Arrays:
    """Return `items` int64[n, KEPT] and `scores` float32[n, KEPT], best first; NOTHING where there is no more.

    A score is the product of a vector [n, D] with one of table [N, D]: the cosine where both are of length one. One of
    zeros has no neighbour. arrays: those of the histories.
    """
    items = np.full((len(vectors), KEPT), NOTHING, np.int64)
    scores = np.zeros((len(vectors), KEPT), np.float32)
    has_only = np.asarray(arrays[HAS_ONLY][:], bool)
    closed = [np.concatenate([arrays[name][i] for name in (SEEN, WITHOUT)]) for i in range(len(vectors))]
    is_asked = np.asarray(vectors).any(1)
    free = np.flatnonzero(~has_only & is_asked)
    found = dict(zip(free, nearest(table, vectors[free], KEPT, [closed[i] for i in free]), strict=True))
    for index in np.flatnonzero(has_only & is_asked):
        own = np.setdiff1d(arrays[ONLY][index], [*closed[index], len(table)]).astype(np.int64)
        ((near, places),) = nearest(table[own], vectors[index : index + 1], KEPT)
        found[index] = near, own[places]
    for index, (near, places) in found.items():
        items[index, : len(places)], scores[index, : len(places)] = places, near
    return {"items": items, "scores": scores}


def answers(catalogue: Catalogue, output: Arrays, index: int, count: int) -> list[dict[str, Any]]:
    """Return the first items of one record with their names, and their cosines where there are any."""
    found = [catalogue.named(code) for code in output["items"][index, :count].tolist() if code != NOTHING]
    if "scores" not in output:  # of what is only popular
        return found
    scores = output["scores"][index, : len(found)].tolist()
    return [{**one, "score": round(score, 5)} for one, score in zip(found, scores, strict=True)]
