"""Vary pictures and their masks together, a whole batch at once. Randomness follows torch's global seed.

Picture and mask may be of different sizes: both show the same whole, so a map of places from -1 to 1 moves both. What
comes in from beyond the picture belongs to no class. Read next: modalities/image/augment.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from noria.modalities.image.augment import drawn_affine, drawn_flips, is_moving, jitter_colors, resampled

if TYPE_CHECKING:
    from noria.modalities.image.settings import ImageSettings


def augment_masks(pixels: Tensor, mask: Tensor, settings: ImageSettings, void: int) -> tuple[Tensor, Tensor]:
    """Return the pictures [B, H, W, C] and their masks uint8[B, h, w], varied as the settings say."""
    if is_moving(settings):
        affine = drawn_affine(pixels, settings)
        mean = pixels.float().mean((1, 2), keepdim=True)
        pixels = resampled(pixels.float() - mean, affine, "zeros") + mean
        mask = moved_mask(mask, affine, void)
    for axis, is_flipped in drawn_flips(pixels, settings):
        pixels = torch.where(is_flipped[:, None, None, None], pixels.flip(axis), pixels)
        mask = torch.where(is_flipped[:, None, None], mask.flip(axis), mask)
    return jitter_colors(pixels, settings), mask


def moved_mask(mask: Tensor, affine: Tensor, void: int) -> Tensor:
    """Return masks [B, h, w] as an affine map of places shows them: the nearest place, `void` beyond the edge."""
    grid = functional.affine_grid(affine, [len(mask), 1, *mask.shape[1:]], align_corners=False)
    shifted = mask[:, None].float() - void  # so that what is beyond, zero, becomes void
    moved = functional.grid_sample(shifted, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return (moved[:, 0] + void).to(mask.dtype)
