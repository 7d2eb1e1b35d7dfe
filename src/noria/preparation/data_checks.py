"""What is suspicious about prepared data: records that stand twice, and a column that gives the answer away."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from noria.contract import Target, dispatch
from noria.pipeline.record_hashes import record_hashes
from noria.store.array_store import SPLITS
from noria.types import Arrays, Dataset

LEAK_RECORDS = 20_000  # a column is tried on so many training records: half to learn from, half to score
LEAK_SCORE = 0.99
BINS = 64


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

    def notes(self, splits: dict[str, Dataset], states: dict[str, Any], target: Target) -> list[str]:
        """Return one sentence for each suspicion."""
        return [*self._duplicates(splits), *_leaking_columns(splits["train"], states, target)]

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


def _leaking_columns(train: Dataset, states: dict[str, Any], target: Target) -> list[str]:
    """Try each named column alone against the answer; one that foretells it almost surely is a leak."""
    if not any(state.get("names") for state in states["inputs"].values()):
        return []
    answers = dispatch.single_values(target, train.target)
    if answers is None:
        return []
    chosen = np.linspace(0, len(train) - 1, min(len(train), LEAK_RECORDS)).astype(int)
    chosen = np.random.default_rng(0).permutation(chosen)
    found = []
    for field, state in states["inputs"].items():
        for array, columns in state.get("names", {}).items():
            for index, column in enumerate(columns):
                values = np.nan_to_num(np.asarray(train.inputs[field][array][:, index])[chosen], nan=-1e9)
                score = _foretells(values, answers[chosen])
                if score > LEAK_SCORE:
                    found.append(f"column {column!r} alone foretells the answer ({score:.1%}): is it known beforehand?")
    return found


def _foretells(values: np.ndarray, answers: np.ndarray) -> float:
    """Return how much better than a constant one column foretells the answer on records it has not seen, 0 to 1."""
    if len(np.unique(values)) > BINS:
        edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, values)
    else:
        bins = np.unique(values, return_inverse=True)[1]
    half, size = len(values) // 2, int(bins.max()) + 1
    learn, score = slice(0, half), slice(half, None)
    if answers.dtype.kind == "f":
        counts = np.maximum(np.bincount(bins[learn], minlength=size), 1)
        means = np.bincount(bins[learn], weights=answers[learn], minlength=size) / counts
        spread = answers[score].var()
        return float(1 - ((means[bins[score]] - answers[score]) ** 2).mean() / spread) if spread else 0.0
    table = np.zeros((size, int(answers.max()) + 1))
    np.add.at(table, (bins[learn], answers[learn]), 1)
    right = float((table.argmax(1)[bins[score]] == answers[score]).mean())
    plain = float((np.bincount(answers[learn]).argmax() == answers[score]).mean())
    return (right - plain) / (1 - plain) if plain < 1 else 0.0
