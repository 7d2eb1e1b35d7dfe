"""Trees beside the network, as plain arrays: what boosted trees or a random forest know, the whole model knows.

They are grown before training (training/rivals/) and not trained on. Knows no task and no modality.
Read next: mixture.py, which mixes their answer with the network's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

# How the sum of the leaves is an answer: as it is, or it is a probability each of classes, or of labels.
Link: TypeAlias = Literal["sum", "classes", "labels"]
LEAST_CHANCE = 1 / 200  # a few trees of one mind are not sure


@dataclass(frozen=True)
class Trees:
    """Grown trees. The roots stand first; the two children of a node one after another, after it; a leaf's is itself.

    answer int32[trees, W]: which answers the W numbers of a leaf belong to. bias float32[answers] is added to all.
    Of each node: feature int32, the column that is asked; threshold float32, up to which one goes left;
    is_missing_left bool, where one goes without a number; left int32, the left child; value float32[nodes, W].
    split int32: for a category the row of is_left bool[splits, codes + 1] that says which codes go left, the last one
    standing for what is missing or unknown; else -1.
    """

    answer: np.ndarray
    bias: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    is_missing_left: np.ndarray
    left: np.ndarray
    split: np.ndarray
    is_left: np.ndarray
    value: np.ndarray


NAMES = tuple(one.name for one in fields(Trees))


class TreePart(nn.Module):
    """{field: {array: tensor [B, ...]}} -> float[B, answers].

    tabulators: by field, as `Tabulates` describes them. Its arrays, those of `Trees`, are as large as what is taken or
    loaded; until then there is no tree.
    """

    answer: Tensor
    bias: Tensor
    feature: Tensor
    threshold: Tensor
    is_missing_left: Tensor
    left: Tensor
    split: Tensor
    is_left: Tensor
    value: Tensor
    is_code: Tensor

    def __init__(self, tabulators: Mapping[str, nn.Module], answers: int, link: Link) -> None:
        super().__init__()
        self.tabulators = nn.ModuleDict(tabulators)
        self.answers, self.link, self.depth = answers, link, 0
        is_code = [one for tabulator in tabulators.values() for one in tabulator.is_code]  # type: ignore[union-attr]
        self.register_buffer("is_code", torch.tensor(is_code, dtype=torch.bool))
        for name, (kind, shape) in _EMPTY.items():
            self.register_buffer(name, torch.zeros(shape, dtype=kind))
        self.bias = torch.zeros(answers)

    def columns(self, inputs: Mapping[str, dict[str, Tensor]]) -> Tensor:
        """Return the columns of all fields, one after another: float32[B, columns], NaN where missing."""
        return torch.cat([tabulator(inputs[name]) for name, tabulator in self.tabulators.items()], 1)

    def forward(self, inputs: Mapping[str, dict[str, Tensor]]) -> Tensor:
        leaves = self.value[self._leaves(self.columns(inputs))].flatten(1)
        speaks = functional.one_hot(self.answer.flatten().long(), self.answers).to(leaves.dtype)
        total = leaves @ speaks + self.bias
        if self.link == "sum":
            return total
        if self.link == "classes":
            return total.clamp_min(LEAST_CHANCE).log()
        return total.clamp(LEAST_CHANCE, 1 - LEAST_CHANCE).logit()

    def _leaves(self, rows: Tensor) -> Tensor:
        """Return the leaf that each record ends in: int64[B, trees]."""
        node = torch.arange(len(self.answer), device=rows.device).expand(rows.shape[0], -1)  # not len(): it is traced
        for _ in range(self.depth):
            given = rows.gather(1, self.feature[node].long())
            is_left = (given <= self.threshold[node]) | (given.isnan() & self.is_missing_left[node])
            if len(self.is_left):
                split, unknown = self.split[node].long(), self.is_left.shape[1] - 1
                code = given.nan_to_num(unknown).clamp(0, unknown).long()
                by_code = self.is_left[split.clamp_min(0), code]  # no torch.where: ONNX Runtime has none of booleans
                is_left = ((split < 0) & is_left) | ((split >= 0) & by_code)
            below = self.left[node].long()
            node = below + (~is_left & (below != node))
        return node

    def take(self, trees: Trees) -> None:
        """Have these trees from now on."""
        given = {name: torch.from_numpy(np.ascontiguousarray(getattr(trees, name))) for name in NAMES}
        self.load_state_dict({**given, "is_code": self.is_code})

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *others: object) -> None:
        """Grow or shrink to what is loaded; raise ValueError where it is no trees."""
        for name in NAMES:
            if (given := state_dict.get(prefix + name)) is not None:
                own = getattr(self, name)
                setattr(self, name, torch.zeros(given.shape, dtype=own.dtype, device=own.device))
        super()._load_from_state_dict(state_dict, prefix, *others)
        self.depth = self._checked_depth()

    def _checked_depth(self) -> int:
        """Return how many questions the longest way to a leaf has."""
        node, left, nodes = torch.arange(len(self.left)), self.left.cpu().long(), len(self.left)
        is_inner = left != node
        ranges = [(self.feature, len(self.is_code)), (self.answer, self.answers)]
        is_good = len(self.answer) <= nodes
        is_good &= all(not len(one) or 0 <= int(one.min()) <= int(one.max()) < most for one, most in ranges)
        is_good &= bool(((left > node) & (left + 1 < nodes))[is_inner].all())
        is_good &= not len(self.split) or -1 <= int(self.split.min()) <= int(self.split.max()) < len(self.is_left)
        if not is_good or not len({len(getattr(self, name)) for name in _OF_NODES}) == 1:
            raise ValueError("the arrays of trees do not fit one another")
        depth, below = 0, torch.arange(len(self.answer))
        while len(below := below[is_inner[below]]):
            below, depth = torch.cat([left[below], left[below] + 1]), depth + 1
        return depth


_OF_NODES = ("feature", "threshold", "is_missing_left", "left", "split", "value")
_EMPTY: dict[str, tuple[torch.dtype, tuple[int, ...]]] = {
    "answer": (torch.int32, (0, 1)),
    "bias": (torch.float32, (0,)),
    "feature": (torch.int32, (0,)),
    "threshold": (torch.float32, (0,)),
    "is_missing_left": (torch.bool, (0,)),
    "left": (torch.int32, (0,)),
    "split": (torch.int32, (0,)),
    "is_left": (torch.bool, (0, 0)),
    "value": (torch.float32, (0, 1)),
}
