"""From the tokens of a map to a class for each place of a mask, and the loss of it. Knows no task.

Long et al. 2015, "Fully Convolutional Networks for Semantic Segmentation"; Milletari et al. 2016, "V-Net", for the
overlap (Dice) part of the loss. Read next: pyramid.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.model.heads import pooled
from noria.nouns import Output, Tokens


class MaskHead(nn.Module):
    """The finest map of tokens, refined and brought to the size of a mask. Output: `logits` float[B, classes, H, W].

    In training also `weights` float[B, classes], what a place of each class counts. Where tokens lie in no map they
    are taken together, and all places get the same answer.
    """

    weights: Tensor
    normalised = (("refine", "normalise"),)

    def __init__(self, width: int, size: tuple[int, int], weights: list[float]) -> None:
        super().__init__()
        self.size = size
        self.refine = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.normalise = nn.BatchNorm2d(width)
        self.classify = nn.Conv2d(width, len(weights), 1)
        self.register_buffer("weights", torch.tensor(weights), persistent=False)

    def forward(self, tokens: Tokens) -> Output:
        features = functional.relu(self.normalise(self.refine(finest_map(tokens))))
        logits = self.classify(features)
        logits = functional.interpolate(logits.float(), self.size, mode="bilinear", align_corners=False)
        if not self.training:
            return {"logits": logits}
        return {"logits": logits, "weights": self.weights.expand(len(logits), -1)}


def finest_map(tokens: Tokens) -> Tensor:
    """Return the features float[B, D, rows, columns] of the first of the maps that the tokens lie in."""
    if tokens.grids is None:
        return pooled(tokens)[:, :, None, None]
    rows, columns = tokens.grids[0]
    own = tokens.features[:, : rows * columns].transpose(1, 2)
    return own.reshape(own.shape[0], own.shape[1], rows, columns)


def mask_loss(logits: Tensor, mask: Tensor, void: int, weights: Tensor | None, overlap: float) -> dict[str, Tensor]:
    """Return "loss", "each" and the parts, in nats a place; `weights` are those of the classes, float[classes].

    logits float[B, classes, H, W]; mask int[B, H, W], `void` where nothing is to be learnt. The mean is over the places
    of the batch that have a class, each counted by its weight; `overlap` is how much one minus Dice's coefficient, the
    mean over an image's classes, is added.
    """
    mask = mask.long()
    is_known = mask != void
    target = mask.masked_fill(~is_known, 0)
    nats = functional.cross_entropy(logits, target, reduction="none")
    counts = is_known.to(nats.dtype) if weights is None else weights[target] * is_known
    total = counts.sum((1, 2))
    each = (nats * counts).sum((1, 2)) / total.clamp_min(1e-6)
    parts = {"nats": (nats * counts).sum() / total.sum().clamp_min(1e-6)}
    loss = parts["nats"]
    if overlap:
        missed = 1 - dice(logits, target, is_known)
        each, parts["missed"] = each + overlap * missed, missed.mean()
        loss = loss + overlap * parts["missed"]
    return {"loss": loss, "each": each, **parts}


def dice(logits: Tensor, target: Tensor, is_known: Tensor) -> Tensor:
    """Return the soft Dice coefficient of each image, the mean over the classes that are in it, float[B]."""
    known = is_known[:, None].to(logits.dtype)
    chances = logits.softmax(1) * known
    true = functional.one_hot(target, logits.shape[1]).permute(0, 3, 1, 2) * known
    hits, size = (chances * true).sum((2, 3)), true.sum((2, 3))
    each = 2 * hits / (chances.sum((2, 3)) + size).clamp_min(1)
    is_there = (size > 0).to(each.dtype)
    return (each * is_there).sum(1) / is_there.sum(1).clamp_min(1)
