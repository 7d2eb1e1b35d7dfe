"""What a network learns of ratings: events are hidden, and their ratings foretold from the others.

An event of an item that is asked is never seen, neither in training nor in use: no answer gives itself away.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from noria.modalities.items.arrays import ITEMS
from noria.targets.ratings.head import cuts_of, scores_of
from noria.types import PAD, Output


def is_asked(asked: Tensor, size: int) -> Tensor:
    """Return bool[B, size + 1]: which items are asked for, by their codes int[B, A], PAD where a row has ended."""
    found = torch.zeros(len(asked), size + 2, dtype=torch.bool, device=asked.device)
    return found.scatter(1, torch.where(asked == PAD, size + 1, asked.long()), True)[:, : size + 1]


def without(arrays: dict[str, Tensor], hidden: Tensor) -> dict[str, Tensor]:
    """Return the arrays of a history without the events of some items, bool[B, size + 1]."""
    items = arrays[ITEMS].long()
    is_hidden = hidden.gather(1, items.clamp_min(0)) & (items != PAD)
    return {**arrays, ITEMS: arrays[ITEMS].masked_fill(is_hidden, PAD)}


def drawn(arrays: dict[str, Tensor], asked: Tensor, size: int, shares: tuple[float, float]) -> Tensor:
    """Return bool[B, size + 1]: asked items that are hidden, by torch's seed; all of them that no history has."""
    wanted = is_asked(asked, size)
    low, high = shares
    share = low + (high - low) * torch.rand(len(asked), 1, device=asked.device)
    luck = torch.rand(wanted.shape, device=asked.device) < share
    return wanted & (luck | ~is_asked(arrays[ITEMS], size))


def rating_loss(output: Output, items: Tensor, levels: Tensor, is_label: Tensor) -> dict[str, Tensor]:
    """Return the mean cross-entropy of "is it above this level?", over the levels; a record's is that of its labels.

    items int[B, A], levels int[B, A] from 1 on, is_label bool[B, A].
    """
    logits = scores_of(output, items.clamp_min(0))[:, :, None] - cuts_of(output)
    steps = torch.arange(1, logits.shape[2] + 1, device=levels.device)
    is_above = (levels[:, :, None] > steps).float()
    nats = functional.binary_cross_entropy_with_logits(logits, is_above, reduction="none").sum(2) * is_label
    count = is_label.sum(1)
    return {"loss": nats.sum() / count.sum().clamp_min(1), "each": nats.sum(1) / count.clamp_min(1)}


def expected(output: Output, items: Tensor, levels: Tensor) -> Tensor:
    """Return float[B, A], the mean rating of items; levels float[L], ascending."""
    above = (scores_of(output, items)[:, :, None] - cuts_of(output)).sigmoid()
    return levels[0] + above @ levels.diff()
