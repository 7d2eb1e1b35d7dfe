"""Where two texts of one vocabulary repeat each other, as a question's words stand in its context. Knows no task.

A trunk learns to compare tokens by itself, but from a hundred thousand questions, not from four thousand: the figures
are in docs/log/2026-11-25-questions.md. It is the exact match of Chen et al. 2017, "Reading Wikipedia to Answer
Open-Domain Questions", for runs.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from noria.contract.capabilities import IDS
from noria.types import PAD

LONGEST = 4  # tokens of a run, beyond which all are alike
SPREAD = 0.5  # of the vectors at first; from zero they are learnt too late


class ExactMatch(nn.Module):
    """Give each token of two inputs a vector by the longest runs, at most LONGEST tokens, that end and begin at it and
    stand in the other input, too.

        other  who built the wheel      text    the  wheel  was  built  by
                                        ends      1      2    0      1   0
                                        begins    2      1    0      1   0
    """

    def __init__(self, width: int, one: str, other: str) -> None:
        super().__init__()
        self.table = nn.Embedding((LONGEST + 1) ** 2, width)
        nn.init.normal_(self.table.weight, std=SPREAD)
        self.names = one, other

    def forward(self, inputs: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
        """Return float[B, T, width] of each of the two inputs, from their `ids`; PAD is like nothing."""
        one, other = (inputs[name][IDS] for name in self.names)
        return dict(zip(self.names, (self._repeated(one, other), self._repeated(other, one)), strict=True))

    def _repeated(self, ids: Tensor, other: Tensor) -> Tensor:
        is_same = (ids[:, :, None] == other[:, None, :]) & (ids != PAD)[:, :, None]
        begins = _longest(is_same.flip(1, 2)).flip(1)
        vectors: Tensor = self.table(_longest(is_same) * (LONGEST + 1) + begins)
        return vectors


def _longest(is_same: Tensor) -> Tensor:
    """Return int[B, T]: the length of the longest run down a diagonal of bool[B, T, O] that ends in each row."""
    run, length = is_same, is_same.any(2).long()
    for _ in range(LONGEST - 1):
        run = functional.pad(run, (1, 0, 1, 0))[:, :-1, :-1] & is_same
        length = length + run.any(2)
    return length
