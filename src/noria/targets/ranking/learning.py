"""What a network learns of a history: the next event from those before, or hidden events from the others."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from noria.modalities.items.arrays import ITEMS
from noria.types import PAD, Output


def next_items(items: Tensor, answer: Tensor) -> Tensor:
    """Return int[B, 1 + T], the item after each token: of the last one the first of the answer.

    items int[B, T] and answer int[B, A], PAD where a row has ended.
    """
    lengths = (items != PAD).sum(1)
    labels = torch.cat([items, items.new_full((len(items), 1), PAD)], 1)
    return labels.scatter(1, lengths[:, None], answer[:, :1])


def hidden(arrays: dict[str, Tensor], answer: Tensor, shares: tuple[float, float]) -> tuple[dict[str, Tensor], Tensor]:
    """Return the arrays with some events hidden, by torch's seed, and what is to be found: these and the answer.

    How many are hidden is drawn for each history, so that short ones are learnt from, too.
    """
    items = arrays[ITEMS]
    low, high = shares
    share = low + (high - low) * torch.rand(len(items), 1, device=items.device)
    is_hidden = (torch.rand(items.shape, device=items.device) < share) & (items != PAD)
    labels = torch.cat([torch.where(is_hidden, items.long(), PAD), answer], 1)
    return {**arrays, ITEMS: items.masked_fill(is_hidden, PAD)}, labels


def ordered_loss(output: Output, labels: Tensor, smoothing: float) -> dict[str, Tensor]:
    """Return the cross-entropy of each token's next item over the catalogue; a record's is the mean of its own."""
    size = len(output["table"])
    is_label = (labels >= 0) & (labels < size)
    logits = output["vectors"][is_label].float() @ output["table"].float().T + output["bias"].float()
    nats = functional.cross_entropy(logits, labels[is_label], label_smoothing=smoothing, reduction="none")
    rows = is_label.nonzero()[:, 0]
    each = nats.new_zeros(len(labels)).index_add(0, rows, nats) / is_label.sum(1).clamp_min(1)
    return {"loss": nats.sum() / is_label.sum().clamp_min(1) + 0 * output["vectors"].sum(), "each": each}


def last_labels(items: Tensor, labels: Tensor) -> Tensor:
    """Return int[B, 1], what comes after the last event."""
    return labels.gather(1, (items != PAD).sum(1, keepdim=True))


def logits_of(output: Output) -> Tensor:
    """Return float[B, N] by the first vector of each record."""
    logits: Tensor = output["vectors"][:, 0].float() @ output["table"].float().T + output["bias"].float()
    return logits


def set_loss(logits: Tensor, items: Tensor, labels: Tensor, smoothing: float) -> dict[str, Tensor]:
    """Return the mean cross-entropy of the items to be found; those that are shown do not stand against them."""
    size = logits.shape[1]
    logits = logits.float()
    shown = torch.where((items >= 0) & (items < size), items, size)
    is_shown = logits.new_zeros(len(logits), size + 1).scatter(1, shown, 1.0)[:, :size].bool()
    is_label = (labels >= 0) & (labels < size)
    wanted = labels.clamp(0, size - 1)
    is_shown = is_shown.scatter(1, wanted, is_shown.gather(1, wanted) & ~is_label)
    nats = -logits.masked_fill(is_shown, -1e9).log_softmax(1)
    own = (nats.gather(1, wanted) * is_label).sum(1) / is_label.sum(1).clamp_min(1)
    each = (1 - smoothing) * own + smoothing * nats.masked_fill(is_shown, 0).sum(1) / (~is_shown).sum(1).clamp_min(1)
    return {"loss": each.mean(), "each": each}
