"""What goes into the network and comes out of it: encoded fields, batches, tokens, outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from noria.types.arrays import Arrays

IS_PRESENT = "is_present"  # an array of an optional input, uint8[n]: 0 where the record comes without it

if TYPE_CHECKING:
    from torch import Tensor

Output: TypeAlias = "dict[str, Tensor]"  # what a head gives; the first axis of each is the record


@dataclass(frozen=True)
class Encoded:
    """Arrays [n, ...] of n values, and why some of them could not be encoded (by index; their rows are zero).

    cut: of values that are too long to be read whole, by index, how many tokens are read and how many there are.
    """

    arrays: Arrays
    bad: dict[int, str] = field(default_factory=dict)
    cut: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Encoded records on a device: `inputs[field][array]` and `target[array]`, each tensor [B, ...].

    `target` is empty when there is no answer to compare with (prediction). Of a Ragged array, integers are filled up
    with PAD; beside numbers and pictures, filled up with zeros, stands `lengths_of` their name, int64[B].
    """

    inputs: dict[str, dict[str, Tensor]]
    target: dict[str, Tensor]
    size: int


class Tokens(NamedTuple):
    """What an embedder gives the trunk.

    features  float[B, T, D]
    is_real   bool[B, T], False where padded; None when every token is real
    positions int[B, T]; None means 0..T-1
    segments  int[B, T], which input each token comes from, where several stand one after another
    grids     (rows, columns) of the maps that the tokens lie in, one after another, row by row, fine to coarse; None
              where they lie in none, or several inputs stand one after another
    pair_bias float[B, 1, T, T], added to the attention scores of token i (rows) looking at token j: how two atoms are
              bound, how far two places are apart; None where no pair is special
    halfway   float[B, T, D], the features at half of the trunk's depth, in training: a head may learn from them, too
    """

    features: Tensor
    is_real: Tensor | None = None
    positions: Tensor | None = None
    segments: Tensor | None = None
    grids: tuple[tuple[int, int], ...] | None = None
    pair_bias: Tensor | None = None
    halfway: Tensor | None = None


class Features(NamedTuple):
    """What a linear model reads of records: K of its features each, all others are zero.

    ids     int64[B, K], which features; of one that is named twice the values add up
    values  float[B, K]; zero where a record has fewer than K
    """

    ids: Tensor
    values: Tensor


def real_rows(lengths: Tensor, longest: int) -> Tensor:
    """Return bool[B, longest]: which rows of a padded array are real, by its lengths int64[B]."""
    import torch

    return torch.arange(longest, device=lengths.device) < lengths[:, None]
