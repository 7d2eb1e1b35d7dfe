"""What is suspicious about prepared data: records that stand twice, and a column that gives the answer away."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from noria.pipeline.record_hashes import record_hashes
from noria.store.array_store import SPLITS
from noria.types import Arrays, Dataset


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

    def notes(self, splits: dict[str, Dataset]) -> list[str]:
        """Return one sentence for each suspicion."""
        return self._duplicates(splits)

    def _duplicates(self, splits: dict[str, Dataset]) -> list[str]:
        found = []
        hashes = {split: np.concatenate(self._hashes[split]) for split in SPLITS if split in self._hashes}
        for split, own in hashes.items():
            if extra := len(own) - len(np.unique(own)):
                found.append(f"{extra} records of {split} repeat another one of {split}")
        for split in ("validation", "test"):
            if split in hashes and "train" in hashes:
                places = np.flatnonzero(np.isin(hashes[split], hashes["train"]))
                if len(places):
                    example = splits[split].wheres()[places[0]]
                    found.append(f"{len(places)} records of {split} also stand in train, as {example} does")
        return found
