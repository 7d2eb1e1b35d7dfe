"""Held-out records that are nearly the same as a training record: frames of one scene, copied rows, texts with edits.

Each kind of array has a cheap measure of its own; so many records are looked at that it takes a second or so, whatever
the size of the data. What is exactly the same is counted elsewhere. Knows no task. Read next: data_checks.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from noria.contract.capabilities import IDS
from noria.preparation.near_arrays import near_pictures, near_rows, near_texts
from noria.types import Arrays, Dataset, Ragged

ASKED, KNOWN = 1_000, 5_000  # held-out and training records that are looked at
LEAST_TRAIN = 60  # records among which something can be called unusually near
LEAST_PAIRS, LEAST_SHARE = 3, 0.01  # below which it is told nothing of: a few alike stand in any data
LEAST_SIDE = 16  # pixels: smaller pictures hold too little to tell the same from the like (digits of 8 x 8)


def near_pairs(held_out: Dataset, train: Dataset, is_new: np.ndarray) -> tuple[np.ndarray, int]:
    """Return int[k, 2], held-out records and training records nearly the same, and how many were looked at.

    is_new bool[n]: which held-out records do not stand in training just so. There are no pairs where they are few.
    """
    asked = _evenly(np.flatnonzero(is_new), ASKED)
    known = _evenly(np.arange(len(train)), KNOWN)
    if not len(asked) or len(known) < LEAST_TRAIN:
        return np.zeros((0, 2), np.int64), len(asked)
    found: dict[int, int] = {}
    for field, arrays in held_out.inputs.items():
        for one, other in _alike(_chosen(arrays, asked), _chosen(train.inputs[field], known)):
            found.setdefault(int(asked[one]), int(known[other]))
    pairs = np.array(sorted(found.items()), np.int64).reshape(-1, 2)
    is_told = len(pairs) >= max(LEAST_PAIRS, LEAST_SHARE * len(asked))
    return pairs if is_told else pairs[:0], len(asked)


def _alike(asked: Arrays, known: Arrays) -> Iterator[tuple[int, int]]:
    """Yield pairs of places, of one input's arrays."""
    rows = [name for name, one in asked.items() if name[0] != "_" and _are_rows(one)]
    if rows:
        ours, theirs = (
            np.concatenate([np.asarray(one[name], np.float64) for name in rows], 1) for one in (asked, known)
        )
        yield from near_rows(ours, theirs, np.concatenate([_is_code(asked[name]) for name in rows]))
    for name, one in asked.items():
        if name[0] == "_":
            continue
        if isinstance(one, Ragged):  # texts beside other columns are told by these
            if not rows and name == IDS:
                yield from near_texts(one, known[name])
        elif one.dtype == np.uint8 and one.ndim in (3, 4) and min(one.shape[1:3]) >= LEAST_SIDE:
            yield from near_pictures(one, known[name])


def _are_rows(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.ndim == 2 and array.shape[1] > 0  # of texts alone there are none


def _is_code(rows: np.ndarray) -> np.ndarray:
    return np.full(rows.shape[1], rows.dtype.kind in "iub")


def _chosen(arrays: Arrays, places: np.ndarray) -> Arrays:
    return {name: one[places] for name, one in arrays.items()}


def _evenly(places: np.ndarray, most: int) -> np.ndarray:
    return places[np.linspace(0, len(places) - 1, min(len(places), most)).astype(int)] if len(places) else places
