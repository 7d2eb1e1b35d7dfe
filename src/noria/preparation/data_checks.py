"""What is suspicious about prepared data: records that stand twice, just so or nearly, on two sides of the division.

Read next: near_duplicates.py, leaks.py.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np

from noria.pipeline.record_hashes import record_hashes
from noria.preparation.near_duplicates import near_pairs
from noria.store.array_store import SPLITS
from noria.types import Arrays, Dataset

HELD_OUT = ("validation", "test")
SERIES = r"(?P<series>[^/]+)[_-]\d+\."  # a file's name: that of a track, and the number of the frame
LEAST_SERIES = 5  # of fewer, a division would be too rough


class Suspicions:
    """Collect a hash of each record's encoded inputs while they are stored; then say what is suspicious."""

    def __init__(self, filled: Collection[str]) -> None:
        self._filled = filled
        self._hashes: dict[str, list[np.ndarray]] = {}

    def see(self, split: str, arrays: Arrays) -> None:
        self._hashes.setdefault(split, []).append(record_hashes(arrays, self._filled))

    def train_hashes(self) -> np.ndarray:
        """Return the hashes of the training records, uint64[n], sorted, each once."""
        return np.unique(np.concatenate(self._hashes["train"]))

    def notes(self, splits: dict[str, Dataset], advice: str = "", looks_near: bool = True) -> list[str]:
        """Return one sentence for each suspicion; `advice` says how records of one thing are kept together, where that
        is known. looks_near: whether records that are nearly the same are one; a user's histories are, in every split.
        """
        return [*self._duplicates(splits), *(self._near(splits, advice) if looks_near else [])]

    def _duplicates(self, splits: dict[str, Dataset]) -> list[str]:
        found = []
        hashes = {split: np.concatenate(self._hashes[split]) for split in SPLITS if split in self._hashes}
        for split, own in hashes.items():
            if extra := len(own) - len(np.unique(own)):
                found.append(f"{extra} records of {split} repeat another one of {split}")
        for split in HELD_OUT:
            if split in hashes and "train" in hashes:
                places = np.flatnonzero(np.isin(hashes[split], hashes["train"]))
                if len(places):
                    example = splits[split].wheres()[places[0]]
                    found.append(f"{len(places)} records of {split} also stand in train, as {example} does")
        return found

    def _near(self, splits: dict[str, Dataset], advice: str) -> list[str]:
        found, known = [], self.train_hashes()
        for split in HELD_OUT:
            if split not in splits or not self._filled:
                continue
            is_new = ~np.isin(np.concatenate(self._hashes[split]), known)
            pairs, looked_at = near_pairs(splits[split], splits["train"], is_new)
            if not len(pairs):
                continue
            ours, theirs = (splits[one].wheres() for one in (split, "train"))
            named = [(ours[one], theirs[other]) for one, other in pairs]
            found.append(
                f"{len(pairs):,} of {looked_at:,} records of {split} that were looked at are nearly the same as one of "
                f"train, as {named[0][0]} and {named[0][1]} are: {advice or _by_names(named, [*ours, *theirs])}"
            )
        return found


def of_split(notes: Sequence[str], split: str) -> list[str]:
    """Return those of the suspicions that are of one split."""
    return [note for note in notes if f" of {split} " in f"{note} "]


def _by_names(pairs: Sequence[tuple[str, str]], wheres: Sequence[str]) -> str:
    """Return the settings that keep together what the names of the files say to be of one series."""
    names = [re.search(SERIES, where) for where in wheres]
    if all(names):
        series = [[_series(one) for one in pair] for pair in pairs]
        if sum(one == other for one, other in series) > len(pairs) / 2 and len({*map(_series, wheres)}) >= LEAST_SERIES:
            return f"keep what is of one series together with 'data.names={SERIES}' data.split.group=series"
    return "name a column that says what belongs together: data.split.group=COLUMN"


def _series(where: str) -> str:
    found = re.search(SERIES, where)
    return found["series"] if found else ""
