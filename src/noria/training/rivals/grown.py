"""Trees that scikit-learn has grown, put together as the arrays that the network keeps (model/tree_part.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from noria.model.regression import Answers
from noria.model.tree_part import Trees

FAR = 3e38  # a threshold that no number is above


@dataclass(frozen=True)
class Tree:
    """One tree. Of each node: left and right, its children, a leaf's are itself; the rest as in `Trees`.

    threshold float64[nodes]; value float64[nodes, W], of which `answer` [W] says where they belong; is_left: by node
    which codes go left, the last one standing for what is missing or unknown.
    """

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    is_missing_left: np.ndarray
    value: np.ndarray
    answer: Sequence[int]
    is_left: dict[int, np.ndarray]


HERE = np.zeros(1, np.int32)
STUMP = Tree(HERE, HERE, HERE, np.zeros(1), np.ones(1, bool), np.zeros((1, 1)), [0], {})  # a leaf that says nothing


def joined(trees: Sequence[Tree], bias: np.ndarray) -> Trees:
    """Return trees as one: all roots, then their children, then theirs."""
    trees = trees or [STUMP]
    starts = np.cumsum([0, *(len(one.left) for one in trees)])[:-1]
    left, right = (
        np.concatenate([getattr(one, side) + start for one, start in zip(trees, starts, strict=True)])
        for side in ("left", "right")
    )
    levels = [starts]
    while len(inner := levels[-1][left[levels[-1]] != levels[-1]]):
        levels.append(np.stack([left[inner], right[inner]], 1).ravel())
    order = np.concatenate(levels)
    place = np.empty(len(left), np.int32)
    place[order] = np.arange(len(order))
    splits = {start + node: row for one, start in zip(trees, starts, strict=True) for node, row in one.is_left.items()}
    split = np.full(len(left), -1, np.int32)
    split[list(splits)] = np.arange(len(splits))
    is_leaf = left == np.arange(len(left))

    def all_of(name: str) -> np.ndarray:
        return np.asarray(np.concatenate([getattr(one, name) for one in trees])[order])

    return Trees(
        answer=np.array([one.answer for one in trees], np.int32),
        bias=bias.astype(np.float32),
        feature=np.where(is_leaf[order], 0, all_of("feature")).astype(np.int32),
        threshold=np.where(is_leaf[order], FAR, _below(all_of("threshold"))).astype(np.float32),
        is_missing_left=all_of("is_missing_left").astype(bool),
        left=place[left[order]],
        split=split[order],
        is_left=_rows(list(splits.values())),
        value=np.where(is_leaf[order, None], all_of("value"), 0).astype(np.float32),
    )


def of_each(answers: Answers, grow: Callable[[np.ndarray, np.ndarray, int], tuple[list[Tree], float]]) -> Trees:
    """Grow the trees of each of several answers from the records of which it is known.

    grow(known, values, place) gives trees for records bool[n] whose answers are [known], and what they add to.
    """
    trees: list[Tree] = []
    bias = np.zeros(answers.values.shape[1])
    for place, values in enumerate(answers.values.T):
        known = ~np.isnan(values)
        grown, bias[place] = grow(known, values[known], place)
        trees += grown
    return joined(trees, bias)


def _below(threshold: np.ndarray) -> np.ndarray:
    """Return float32 up to which lie the same float32 as up to the given float64."""
    cut = np.clip(threshold, -FAR, FAR)
    rounded = cut.astype(np.float32)
    below: np.ndarray = np.nextafter(rounded, np.float32(-np.inf))
    return np.asarray(np.where(rounded > cut, below, rounded), np.float32)


def _rows(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return rows of unequal length as one array: codes that one does not have are as its last, the unknown."""
    width = max((len(one) for one in rows), default=0)
    found = np.zeros((len(rows), width), bool)
    for place, one in enumerate(rows):
        found[place] = np.concatenate([one[:-1], np.repeat(one[-1:], width - len(one) + 1)])
    return found
