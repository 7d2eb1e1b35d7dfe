"""Matrix factors of ratings, learnt as a distribution by Gibbs sampling, with biases and attributes.

Salakhutdinov and Mnih 2008, https://www.cs.toronto.edu/~amnih/papers/bpmf.pdf, with attributes in the mean of the prior
(Simm et al. 2015, "Macau"), so that an item or a user without any rating stands where others like it do.

    rating = mean + u_factors . v_factors + u_bias + v_bias + noise

Only items are kept. Whoever has a history is placed among them anew, however new: given the items and the noise of a
draw, the mean of a user's factors is known exactly. Read next: target.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from noria.modalities.items.attributes import common, described
from noria.types import Ragged, State

BURN_IN, APART = 50, 3  # draws left out at first; of those after, how many lie between two that are kept
MOST_NUMBERS = 40_000_000  # that are kept of items, 160 MB: fewer draws of a larger catalogue
PENALTY = 4.0  # of an attribute's weight, in items that have it; of the mean of all, next to nothing
PENALTY_OF_MEAN = 0.01


@dataclass(frozen=True)
class RatedItems:
    """Who rated what: users, items int[n] and ratings float64[n]; attributes of each user and item, by code."""

    users: np.ndarray
    items: np.ndarray
    ratings: np.ndarray
    of_users: Ragged
    of_items: Ragged


class _Side:
    """The users, or the items: their vectors float64[n, K + 1], the last a bias, and the prior that they come from."""

    def __init__(self, attributes: Ragged, num_factors: int, draws: np.random.Generator) -> None:
        self.columns = common(attributes)
        self._known = described(attributes, self.columns)
        size = self._known.shape[1]
        penalty = np.full(size, PENALTY)
        penalty[-1] = PENALTY_OF_MEAN
        self._penalty = penalty
        self._root = np.linalg.cholesky(np.asarray((self._known.T @ self._known).todense()) + np.diag(penalty))
        self._draws = draws
        self.vectors = draws.normal(0, 0.1, (self._known.shape[0], num_factors + 1))
        self.weights = np.zeros((size, num_factors + 1))
        self.precision = np.eye(num_factors + 1)

    def draw_prior(self) -> None:
        """Draw the weights of attributes and the precision around what they say, given the vectors."""
        width = self.vectors.shape[1]
        apart = self.vectors - self._known @ self.weights
        scatter = np.eye(width) + apart.T @ apart + self.weights.T @ (self._penalty[:, None] * self.weights)
        self.precision = _wishart(width + sum(self._known.shape), np.linalg.inv(scatter), self._draws)
        mean = np.linalg.solve(self._root.T, np.linalg.solve(self._root, self._known.T @ self.vectors))
        noise = np.linalg.solve(self._root.T, self._draws.normal(size=mean.shape))
        self.weights = mean + np.linalg.solve(np.linalg.cholesky(self.precision).T, noise.T).T

    def draw_vectors(self, rated: sparse.csr_matrix, other: _Side, noise: float) -> None:
        """Draw the vectors given those of the other side; rated: ratings less their mean, by own and other."""
        facing, offset = faced(other.vectors)
        products = (facing[:, :, None] * facing[:, None]).reshape(len(facing), -1)
        is_there, left = rated.copy(), rated.copy()
        is_there.data = np.ones_like(rated.data)
        left.data = rated.data - offset[rated.indices]
        width = facing.shape[1]
        precision = self.precision + noise * (is_there @ products).reshape(-1, width, width)
        wanted = (self._known @ self.weights) @ self.precision + noise * (left @ facing)
        root = np.linalg.cholesky(precision)
        mean = np.linalg.solve(precision, wanted[:, :, None])
        luck = np.linalg.solve(root.transpose(0, 2, 1), self._draws.normal(size=mean.shape))
        self.vectors = (mean + luck)[:, :, 0]


def learnt_factors(known: RatedItems, num_factors: int, num_draws: int, seed: int = 0) -> State:
    """Return what ratings are foretold by, as a state: see `foretold`."""
    draws = np.random.default_rng(seed)
    users, items = (_Side(one, num_factors, draws) for one in (known.of_users, known.of_items))
    mean = float(known.ratings.mean())
    shape = len(users.vectors), len(items.vectors)
    rated = sparse.csr_matrix((known.ratings - mean, (known.users, known.items)), shape)
    by_item = rated.T.tocsr()
    kept: list[tuple[Any, ...]] = []
    num_draws = max(1, min(num_draws, MOST_NUMBERS // items.vectors.size))
    noise = 1.0
    for step in range(BURN_IN + num_draws * APART):
        for one in (users, items):
            one.draw_prior()
        users.draw_vectors(rated, items, noise)
        items.draw_vectors(by_item, users, noise)
        noise = _noise(known, mean, users.vectors, items.vectors, draws)
        if step >= BURN_IN and (step - BURN_IN + 1) % APART == 0:
            kept.append((items.vectors, items.weights[-1], users.weights, users.precision, np.array(noise)))
    vectors, average, weights, precision, noises = (np.stack(one).astype(np.float32) for one in zip(*kept, strict=True))
    with_unknown = np.concatenate([vectors, average[:, None]], 1)  # an item of which nothing is known: as they are
    return {
        "mean": mean,
        "items": np.ascontiguousarray(with_unknown.transpose(1, 0, 2)),  # [N + 1, draws, K + 1]
        "user_columns": users.columns,
        "user_weights": weights,
        "user_precision": precision,
        "noise": noises,
    }


def foretold(state: State, items: np.ndarray, ratings: np.ndarray, user: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return float64[draws, asked]: what somebody with these ratings and attributes would rate, by each draw.

    items and asked are codes, N for one that is not known; its attributes are then those of nobody.
    """
    noise, precision = state["noise"].astype(np.float64), state["user_precision"].astype(np.float64)
    prior = state["user_weights"][:, [*np.flatnonzero(np.isin(state["user_columns"], user)), -1]].sum(1)
    facing, offset = faced(state["items"][items].transpose(1, 0, 2))
    left = ratings - state["mean"] - offset
    crossed = facing.transpose(0, 2, 1)
    wanted = np.einsum("sk,skl->sl", prior, precision) + noise[:, None] * np.einsum("stk,st->sk", facing, left)
    there = precision + noise[:, None, None] * (crossed @ facing)
    vectors = np.linalg.solve(there, wanted[:, :, None])
    facing, offset = faced(state["items"][asked].transpose(1, 0, 2))
    return np.asarray(state["mean"] + (facing @ vectors)[:, :, 0] + offset)


def faced(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what the other side's vectors are multiplied with, [..., K + 1], and what is added: the bias, [...]."""
    return np.concatenate([vectors[..., :-1], np.ones_like(vectors[..., :1])], -1), vectors[..., -1]


def _noise(known: RatedItems, mean: float, users: np.ndarray, items: np.ndarray, draws: np.random.Generator) -> float:
    """Draw the precision of a rating around what is foretold."""
    facing, offset = faced(items)
    left = known.ratings - mean - offset[known.items]
    left -= np.einsum("nk,nk->n", facing[known.items], users[known.users])
    return float(draws.gamma(1 + len(left) / 2, 1 / (1 + (left**2).sum() / 2)))


def _wishart(freedom: int, scale: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """Draw a matrix of this mean / freedom (Bartlett 1933)."""
    size = len(scale)
    lower = np.tril(draws.normal(size=(size, size)), -1)
    lower[np.diag_indices(size)] = np.sqrt(draws.chisquare(freedom - np.arange(size)))
    half = np.linalg.cholesky((scale + scale.T) / 2) @ lower
    return np.asarray(half @ half.T)
