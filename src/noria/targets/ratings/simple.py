"""Simple models of ratings beside the network: biases of users and items, and factors by alternating least squares.

A user is known by a history alone, so that all of them answer to new ones. Read next: factors.py, target.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from noria.targets.ratings.known import Known, asked_items, known_ratings
from noria.types import Arrays, Dataset, Ragged

OF_ITEMS, OF_USERS = 10.0, 15.0  # ratings that a bias of zero is worth (Koren 2010, "Factor in the neighbors")
FACTORS, STRENGTH, ROUNDS = 20, 15.0, 15  # of the least squares: best of six by validation of MovieLens 100K


@dataclass(frozen=True)
class Biases:
    """A mean, and how far items float64[N + 1] lie from it; the last is one that is not known."""

    mean: float
    items: np.ndarray

    def left(self, known: Known) -> np.ndarray:
        """Return ratings without the mean and the item's bias."""
        return np.asarray(known.ratings - self.mean - self.items[known.items])

    def of_users(self, known: Known, count: int) -> np.ndarray:
        """Return float64[count], how far users lie from the mean by what they have rated."""
        summed = np.bincount(known.users, self.left(known), count)
        return np.asarray(summed / (np.bincount(known.users, minlength=count) + OF_USERS))


def rivals(
    train: Dataset, history: str, levels: np.ndarray, size: int
) -> Iterator[tuple[str, Callable[[Dataset], Arrays]]]:
    """Yield what learns from the same ratings in seconds, by name: what it answers to other records."""
    known = Known.of_answers(train.target)
    count = len(train)
    biases = _biases(known, size, count)
    yield "biases of users and items", _answers(biases, np.zeros((size + 1, 0)), history, levels)
    table = _least_squares(known, biases, size, count)
    yield "matrix factors (least squares)", _answers(biases, table, history, levels)


def _biases(known: Known, size: int, count: int) -> Biases:
    """Return biases, items first, then once more without those of users."""
    mean = float(known.ratings.mean())
    weights = np.bincount(known.items, minlength=size + 1) + OF_ITEMS
    biases = Biases(mean, np.bincount(known.items, known.ratings - mean, size + 1) / weights)
    left = known.ratings - mean - biases.of_users(known, count)[known.users]
    return Biases(mean, np.bincount(known.items, left, size + 1) / weights)


def _least_squares(known: Known, biases: Biases, size: int, count: int) -> np.ndarray:
    """Return the factors of items, float64[N + 1, FACTORS], of what biases leave."""
    left = biases.left(known) - biases.of_users(known, count)[known.users]
    rated = sparse.csr_matrix((left, (known.users, known.items)), (count, size + 1))
    by_item = rated.T.tocsr()
    items = np.random.default_rng(0).normal(0, 0.1, (size + 1, FACTORS))
    for _ in range(ROUNDS):
        items = _solved(by_item, _solved(rated, items))
    return items


def _solved(rated: sparse.csr_matrix, other: np.ndarray) -> np.ndarray:
    """Return the factors of one side, given the other's."""
    width = other.shape[1]
    is_there = rated.copy()
    is_there.data = np.ones_like(rated.data)
    products = (other[:, :, None] * other[:, None]).reshape(len(other), -1)
    there = (is_there @ products).reshape(-1, width, width) + STRENGTH * np.eye(width)
    return np.asarray(np.linalg.solve(there, (rated @ other)[:, :, None])[:, :, 0])


def _answers(biases: Biases, table: np.ndarray, history: str, levels: np.ndarray) -> Callable[[Dataset], Arrays]:
    def answered(dataset: Dataset) -> Arrays:
        asked = asked_items(dataset.inputs[history])
        known = known_ratings(dataset.inputs[history], asked, levels)
        of_users = biases.of_users(known, len(dataset))
        rows = np.repeat(np.arange(len(asked)), asked.lengths)
        found = biases.mean + biases.items[asked.values] + of_users[rows]
        if table.shape[1]:
            left = biases.left(known) - of_users[known.users]
            rated = sparse.csr_matrix((left, (known.users, known.items)), (len(dataset), len(table)))
            found = found + (_solved(rated, table)[rows] * table[asked.values]).sum(1)
        rating = np.clip(found, levels[0], levels[-1]).astype(np.float32)
        return {"rating": Ragged(rating, asked.offsets), "asked": asked}

    return answered
