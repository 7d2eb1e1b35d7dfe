"""Vary pictures and the boxes in them together, a whole batch at once. Randomness follows torch's global seed.

Boxes are rows float[B, G, 6]: left, top, right, bottom, label, whether it is not scored. In here a label of -1 says
that there is no box, in the middle of a row too (`marked`); `packed` turns that into lengths again. What is shown of a
box is cut at the edge; where that is little, it is left out. Read next: modalities/image/augment.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from noria.modalities.image.augment import drawn_affine, drawn_flips, is_moving, jitter_colors, resampled
from noria.types import PAD, real_rows

if TYPE_CHECKING:
    from noria.modalities.image.settings import ImageSettings

LEAST_VISIBLE = 0.25  # of a box's area, where it is still to be found
LEAST_SIDE = 2.0  # of what is left of a box, in pixels
MIDDLE = (0.25, 0.75)  # where the four pictures of a mosaic meet, in shares of its sides


def marked(boxes: Tensor, lengths: Tensor) -> Tensor:
    """Return the boxes [B, G, 6] of rows of these lengths int64[B], PAD where a row has ended."""
    return boxes.where(real_rows(lengths, boxes.shape[1])[:, :, None], PAD)


def augment_boxes(
    pixels: Tensor, size: Tensor, boxes: Tensor, settings: ImageSettings, mosaic: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return the pictures [B, H, W, C] and their boxes, varied as the settings say.

    Boxes come `marked`, in pixels of pictures of these sizes int[B, 2], and leave in pixels of the pictures as they are
    here, marked as well.
    """
    height, width = pixels.shape[1:3]
    scale = pixels.new_tensor([height, width], dtype=torch.float32) / size
    is_there = boxes[:, :, 4:5] >= 0
    boxes = torch.cat([boxes[:, :, :4] * scale.flip(1).repeat(1, 2)[:, None], boxes[:, :, 4:]], 2).where(is_there, PAD)
    if mosaic:
        pixels, boxes = _mosaic(pixels, boxes, mosaic)
    if is_moving(settings):
        affine = drawn_affine(pixels, settings)
        mean = pixels.float().mean((1, 2), keepdim=True)
        pixels = resampled(pixels.float() - mean, affine, "zeros") + mean
        boxes = _moved(boxes, affine, height, width)
    for axis, is_flipped in drawn_flips(pixels, settings):
        pixels = torch.where(is_flipped[:, None, None, None], pixels.flip(axis), pixels)
        boxes = boxes.where(~is_flipped[:, None, None], _flipped(boxes, axis, pixels.shape[axis]))
    return jitter_colors(pixels, settings), boxes


def boxes_in(boxes: Tensor, places: Tensor) -> Tensor:
    """Return what is seen of boxes [B, G, 6] within parts of their pictures, int[B, 4]: top, left, height, width."""
    top, left, height, width = places.to(boxes).unbind(1)
    moved = boxes[:, :, :4] - torch.stack([left, top, left, top], 1)[:, None]
    zero = torch.zeros_like(top)
    return _packed(_cut(boxes, moved, torch.stack([zero, zero, width, height], 1)[:, None]))


def _mosaic(pixels: Tensor, boxes: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Put some pictures together of four parts: one of their own, the others of other pictures of the batch."""
    count, height, width = pixels.shape[:3]
    device = pixels.device

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, device=device)

    is_chosen = torch.rand(count, device=device) < share
    middle = [(between(*MIDDLE) * side).long().where(is_chosen, side) for side in (height, width)]
    sources = torch.stack([torch.arange(count, device=device), *(torch.randperm(count, device=device) for _ in "123")])
    down, across = torch.arange(height, device=device), torch.arange(width, device=device)
    part = 2 * (down >= middle[0][:, None])[:, :, None] + (across >= middle[1][:, None])[:, None]  # [B, H, W]
    source = sources[part, torch.arange(count, device=device)[:, None, None]]
    moves, parts = [], []
    for quarter in range(4):
        edges = []
        for axis, side in enumerate((height, width)):
            is_second = bool(quarter // 2 if axis == 0 else quarter % 2)
            start = middle[axis] if is_second else torch.zeros_like(middle[axis])
            end = torch.full_like(start, side) if is_second else middle[axis]
            room = side - (end - start)  # how far the part may begin from the edge of its source
            first = (torch.rand(count, device=device) * (room + 1)).long().clamp_max(room)
            edges.append((start, end, start - first))
        moves.append(torch.stack([edge[2] for edge in edges]))
        parts.append(_shown(boxes[sources[quarter]], edges))
    move = torch.stack(moves)  # [4, 2, B]
    which = torch.arange(count, device=device)[:, None, None]
    mixed = pixels[source, down[:, None] - move[part, 0, which], across - move[part, 1, which]]
    return mixed, _packed(torch.cat(parts, 1))


def _shown(boxes: Tensor, edges: list[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """Return what is seen of boxes, moved and cut to a part: (start, end, move) down and across, int[B] each."""
    (top, bottom, down), (left, right, across) = edges
    moved = boxes[:, :, :4] + torch.stack([across, down, across, down], 1)[:, None]
    return _cut(boxes, moved, torch.stack([left, top, right, bottom], 1)[:, None].to(moved))


def _moved(boxes: Tensor, affine: Tensor, height: int, width: int) -> Tensor:
    """Return the boxes around what they hold after an affine map of places, cut at the picture's edge."""
    sides = boxes.new_tensor([width, height])
    corners = torch.stack([boxes[:, :, [x, y]] for x in (0, 2) for y in (1, 3)], 2) / sides * 2 - 1  # [B, G, 4, 2]
    back = torch.linalg.inv(affine[:, :, :2])
    corners = (corners - affine[:, None, None, :, 2]) @ back.mT[:, None]
    corners = (corners + 1) / 2 * sides
    moved = torch.cat([corners.amin(2), corners.amax(2)], 2)
    return _cut(boxes, moved, boxes.new_tensor([0, 0, width, height]))


def _flipped(boxes: Tensor, axis: int, side: int) -> Tensor:
    start, end = (0, 2) if axis == 2 else (1, 3)
    turned = boxes.clone()
    turned[:, :, start], turned[:, :, end] = side - boxes[:, :, end], side - boxes[:, :, start]
    return turned.where(boxes[:, :, 4:5] >= 0, PAD)


def _cut(boxes: Tensor, moved: Tensor, limits: Tensor) -> Tensor:
    """Return the boxes [B, G, ...] at their moved sides within limits; PAD for those of which too little is seen."""
    start = torch.minimum(torch.maximum(moved[..., :2], limits[..., :2]), limits[..., 2:])
    end = torch.minimum(torch.maximum(moved[..., 2:], limits[..., :2]), limits[..., 2:])
    left = (end - start).prod(-1)
    is_seen = (left >= LEAST_VISIBLE * (moved[..., 2:] - moved[..., :2]).prod(-1)) & (end - start > LEAST_SIDE).all(-1)
    is_seen &= boxes[:, :, 4] >= 0
    return torch.cat([start, end, boxes[:, :, 4:]], 2).where(is_seen[..., None], PAD)


def packed(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return what is there of marked boxes, rows filled up with zeros, and how long they are, int64[B]."""
    lengths = (boxes[:, :, 4] >= 0).sum(1)
    return _sorted(boxes).where(real_rows(lengths, boxes.shape[1])[:, :, None], 0), lengths


def _packed(boxes: Tensor) -> Tensor:
    """Return marked boxes with those that are none at the end of each row, no longer than the longest row needs."""
    longest = int((boxes[:, :, 4] >= 0).sum(1).max()) if boxes.numel() else 0
    return _sorted(boxes)[:, :longest]


def _sorted(boxes: Tensor) -> Tensor:
    order = (boxes[:, :, 4] < 0).int().argsort(dim=1, stable=True)
    return boxes.gather(1, order[:, :, None].expand_as(boxes))
