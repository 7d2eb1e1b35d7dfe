"""From the tokens of a map to a class for each place of a mask, and the loss of it. Knows no task.

Long et al. 2015, "Fully Convolutional Networks for Semantic Segmentation"; Milletari et al. 2016, "V-Net", for the
overlap (Dice) part of the loss. Read next: modalities/image/pyramid.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.modalities.image.arrays import PIXELS, PLACES, SIZE, TILES
from noria.modalities.image.tile_batches import all_tiles, blend_window
from noria.model.heads import pooled
from noria.types import Output, Tokens


class MaskHead(nn.Module):
    """The finest map of tokens, refined and brought to the size of a mask. Output: `logits` float[B, classes, H, W].

    In training they are of the map's own size, as the loss knows that of the mask, and there are also `weights`
    float[B, classes], what a place of each class counts. Where tokens lie in no map they are taken together, and all
    places get the same answer.
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
        logits = self.coarse(tokens)
        if not self.training:
            return {"logits": in_size(logits, self.size)}
        return {"logits": logits, "weights": self.weights.expand(len(logits), -1)}

    def coarse(self, tokens: Tokens) -> Tensor:
        """Return the logits float[B, classes, rows, columns] of the places of the map."""
        features = functional.relu(self.normalise(self.refine(finest_map(tokens))))
        logits: Tensor = self.classify(features).float()
        return logits


def in_size(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Return logits float[B, classes, ...] at another height and width: bilinear, as `interpolate` gives them.

    On a GPU by two products: the gradients of its own kernel differ from time to time in their last bits.
    """
    if logits.device.type == "cuda":
        return by_products(logits, size)
    return functional.interpolate(logits, tuple(size), mode="bilinear", align_corners=False)


def by_products(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Return logits float[B, classes, ...] at another height and width, bilinear along one axis after the other."""
    down, across = (_between(old, new, logits) for old, new in zip(logits.shape[2:], size, strict=True))
    with torch.autocast(logits.device.type, enabled=False):
        return down @ logits @ across.mT


def _between(old: int, new: int, like: Tensor) -> Tensor:
    """Return how much each of `old` places counts at each of `new`: float[new, old], rows add up to one."""
    place = ((torch.arange(new, device=like.device) + 0.5) * old / new - 0.5).clamp(0, old - 1)
    distance = (place[:, None] - torch.arange(old, device=like.device)).abs()
    return (1 - distance).clamp_min(0).to(like.dtype)


def whole_of_tiles(
    model: nn.Module, name: str, image: dict[str, Tensor], shape: tuple[int, int]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield for each picture in tiles its likeliest classes uint8[H, W] and the mean of their chances.

    `name` is the field of the pictures.

    Where tiles overlap, a place's chances are the mean of what they say, each counting less towards its edge.
    """
    for index in range(len(image[PLACES])):
        one = {key: values[index : index + 1] for key, values in image.items()}
        whole, counts = None, image[TILES].new_zeros(shape, dtype=torch.float32)
        for pixels, _, tile in all_tiles(one):
            coarse = model.head.coarse(model.mixed({name: {PIXELS: pixels}}))  # type: ignore
            for logits, place in zip(coarse, one[PLACES][0, tile], strict=True):
                part = _part(place, one[SIZE][0], shape)
                chances = in_size(logits[None], [side.stop - side.start for side in part])[0].softmax(0)
                weight = blend_window(chances.shape[1], chances.shape[2], chances)
                whole = chances.new_zeros((len(chances), *shape)) if whole is None else whole
                whole[:, part[0], part[1]] += chances * weight
                counts[part] += weight
        assert whole is not None
        most, classes = (whole / counts).max(0)
        yield classes.to(torch.uint8), most.mean()


def mask_in(mask: Tensor, size: Tensor, places: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return the parts of masks [B, H, W] at these places int[B, 4] of their pictures, all brought to one shape."""
    parts = []
    for own, of_picture, place in zip(mask, size, places, strict=True):
        rows, columns = (
            (side.start + (torch.arange(new, device=mask.device) + 0.5) * (side.stop - side.start) / new).long()
            for side, new in zip(_part(place, of_picture, tuple(own.shape)), shape, strict=True)
        )
        parts.append(own[rows[:, None], columns])
    return torch.stack(parts)


def _part(place: Tensor, size: Tensor, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return where a part of a picture, int[4], lies in a mask of it."""
    (top, left, height, width), (rows, columns) = place.tolist(), size.tolist()
    down, across = shape[0] / rows, shape[1] / columns
    first, start = min(round(top * down), shape[0] - 1), min(round(left * across), shape[1] - 1)
    last, end = max(first + 1, round((top + height) * down)), max(start + 1, round((left + width) * across))
    return slice(first, last), slice(start, end)


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
