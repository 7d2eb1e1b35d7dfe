"""Linear recommenders, which are hard to beat: each item of a history speaks for others, by a matrix of weights.

EASE^R (Steck 2019, https://arxiv.org/abs/1905.03375) where order says nothing; where it does, it is added to how often
one item comes within a few steps after another. Beside them the cosine of items. All are rivals of the network, whose
linear part is what suits it. Read next: answering.py, training/rivals/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy import sparse

from noria.contract.linear_fit import LinearFit
from noria.modalities.items.arrays import SEEN
from noria.modalities.items.embedder import HistoryFeatures
from noria.targets.ranking.answering import ranked
from noria.targets.ranking.interactions import interactions
from noria.targets.ranking.metrics import PLACES, found
from noria.types import Arrays, Dataset, Ragged

MOST_ITEMS = 6_000  # of a dense matrix of weights: 144 MB, and half a minute to invert
STRENGTHS = (50.0, 100.0, 200.0, 400.0, 800.0)  # of the penalty of EASE^R; Steck took 200 to 1,000
HELD_OUT, JUDGED = 0.2, 1000  # share of a history that judges a penalty, and histories that do
# Of how an item speaks for what follows it, by validation alone of MovieLens 100K without the last items, 192 choices
# (3 to 12 steps; near ones counted more or alike; counts to the power of 0.3 to 1; decay 0.6 to 0.9): NDCG 0.120.
STEPS = 8  # events after an item that it speaks for, all alike
DECAY = 0.8  # of an event's weight against the next newer one
# Both together, by 4,715 events of MovieLens 100K, none of which is a user's last, foretold from the histories of four
# fifths of the other users: NDCG 0.119 of what follows, 0.121 with smoothing, 0.086 of EASE^R, 0.134 of both in equal
# parts; 0.7 to 1.4 times as much of EASE^R, decay 0.75 to 0.85, and pairs counted back as well all stay within 0.002.
SMOOTHING = 10.0  # events that an item is taken to have more, after which nothing followed
NEIGHBOURS = 100
BLOCK = 256


def fitted(events: Ragged, size: int, features: int, is_ordered: bool) -> LinearFit:
    """Return the linear part of a network: weight float32[features, size], whose rows beyond the items are zero."""
    weight = np.zeros((features, size), np.float32)
    weight[:size] = next_and_together(events, size) if is_ordered else ease(events, size)
    name = "events that follow and EASE^R" if is_ordered else "EASE^R"
    return LinearFit(weight, np.zeros(size, np.float32), name)


def rivals(
    events: Ragged, history: str, size: int, is_ordered: bool, repeats: bool
) -> Iterator[tuple[str, Callable[[Dataset], Arrays]]]:
    """Yield what learns from the same histories in seconds, by name: what it answers to other records."""
    if size > MOST_ITEMS:
        return
    yield "item-kNN", _answers(cosines(events, size), history, 1.0, repeats)
    yield "EASE^R", _answers(ease(events, size), history, 1.0, repeats)
    if is_ordered:
        yield "events that follow", _answers(followers(events, size), history, DECAY, repeats)


def ease(events: Ragged, size: int) -> np.ndarray:
    """Return the weights of EASE^R, float32[size, size], with the penalty that finds hidden items of training best."""
    users = interactions(events, size)
    generator = np.random.default_rng(0)
    is_hidden = generator.random(users.nnz) < HELD_OUT
    is_hidden &= np.repeat(np.arange(users.shape[0]) < JUDGED, np.diff(users.indptr))
    shown = users.copy()
    shown.data = np.where(is_hidden, 0, users.data)
    judged = shown[:JUDGED]
    rows = np.repeat(np.arange(users.shape[0]), np.diff(users.indptr))[is_hidden]
    counts = np.bincount(rows, minlength=judged.shape[0])
    truth = {"items": Ragged(users.indices[is_hidden], np.concatenate([[0], np.cumsum(counts)]))}
    gram = np.asarray((shown.T @ shown).todense(), np.float64)
    best = max(STRENGTHS, key=lambda one: _worth(judged, _ease(gram, one), truth))
    return _ease(np.asarray((users.T @ users).todense(), np.float64), best)


def _ease(gram: np.ndarray, strength: float) -> np.ndarray:
    size = len(gram)
    inverse = np.linalg.inv(gram + strength * np.eye(size))
    weight = inverse / -np.diag(inverse)
    np.fill_diagonal(weight, 0)
    return np.asarray(weight, np.float32)


def _worth(users: sparse.csr_matrix, weight: np.ndarray, truth: Arrays) -> float:
    """Return how many hidden items stand among the first ten of what is not shown."""
    scores = np.asarray(users @ weight)
    scores[users.toarray() > 0] = -np.inf
    first = np.argpartition(-scores, min(PLACES, scores.shape[1] - 1), axis=1)[:, :PLACES]
    return float(found({"items": first}, truth).sum())


def cosines(events: Ragged, size: int) -> np.ndarray:
    """Return the cosine of each item with its nearest others, float32[size, size]."""
    users = interactions(events, size)
    norms = np.sqrt(np.asarray(users.sum(0)).ravel())
    near = np.asarray((users.T @ users).todense(), np.float32) / np.maximum(norms[:, None] * norms, 1e-9)
    np.fill_diagonal(near, 0)
    if size > NEIGHBOURS:
        least = np.partition(near, -NEIGHBOURS, axis=0)[-NEIGHBOURS]
        near[near < least] = 0
    return np.asarray(near, np.float32)


def followers(events: Ragged, size: int) -> np.ndarray:
    """Return how often each item comes within STEPS after another, as a share of how often that is there."""
    total = np.zeros((size, size), np.float32)
    values, rows = events.values, np.repeat(np.arange(len(events)), events.lengths)
    for step in range(1, STEPS + 1):
        is_one = (rows[step:] == rows[:-step]) & (values[step:] < size) & (values[:-step] < size)
        np.add.at(total, (values[:-step][is_one], values[step:][is_one]), 1)
    counts = np.bincount(values[values < size], minlength=size)
    return np.asarray(total / (counts + SMOOTHING)[:, None], np.float32)


def next_and_together(events: Ragged, size: int) -> np.ndarray:
    """Return the sum of what follows and what goes together, float32[size, size], each over its own spread."""
    return np.asarray(sum(one / max(float(one.std()), 1e-12) for one in (followers(events, size), ease(events, size))))


def events_of(train: Dataset, history: str) -> Ragged:
    """Return all events of training with their answers, as one row each: of long histories those not read, too."""
    before, after = train.inputs[history][SEEN][:], train.target["items"][:]
    return Ragged.of([np.concatenate([before[i], after[i]]) for i in range(len(before))], np.int64)


def _answers(weight: np.ndarray, history: str, decay: float, repeats: bool) -> Callable[[Dataset], Arrays]:
    """Return what gives the ranking of histories by a matrix of weights."""
    import torch

    features = HistoryFeatures(len(weight), decay)
    table = torch.from_numpy(np.concatenate([weight, np.zeros((1, len(weight)), np.float32)]))

    def answered(dataset: Dataset) -> Arrays:
        parts: list[Arrays] = []
        for start in range(0, len(dataset), BLOCK):
            batch = dataset.batch(slice(start, start + BLOCK))
            ids, values = features(batch.inputs[history])
            scores = torch.nn.functional.embedding_bag(ids, table, mode="sum", per_sample_weights=values)
            parts.append({name: one.numpy() for name, one in ranked(scores, batch.inputs[history], repeats).items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return answered
