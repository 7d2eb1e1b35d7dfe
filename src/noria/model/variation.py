"""Vary pictures on the fly, a whole batch at once: affine, flip, erase. Randomness follows torch's global seed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from noria.modalities.image import Image


def vary(pixels: Tensor, settings: Image) -> Tensor:
    """Return the pictures float[B, C, H, W] varied as the settings say; zero is what normalised mean grey is."""
    if settings.rotate or settings.zoom or settings.shear:
        pixels = _affine(pixels, settings)
    elif settings.shift:
        pixels = _shift(pixels, settings.shift)
    if settings.flip:
        is_flipped = torch.rand(len(pixels), device=pixels.device) < 0.5
        pixels = torch.where(is_flipped[:, None, None, None], pixels.flip(3), pixels)
    if settings.erase:
        pixels = _erase(pixels, settings.erase)
    return pixels


def _affine(pixels: Tensor, settings: Image) -> Tensor:
    """Rotate, zoom, shear and shift each picture by its own random amount, bilinear, edge pixels repeated."""
    count, _, height, width = pixels.shape

    def uniform(limit: float) -> Tensor:
        return (2 * torch.rand(count, device=pixels.device) - 1) * limit

    angle, zoom, shear = uniform(math.radians(settings.rotate)), 1 + uniform(settings.zoom), uniform(settings.shear)
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    across, down = uniform(2 * settings.shift / width), uniform(2 * settings.shift / height)
    rows = [torch.stack([cos, shear - sin, across], 1), torch.stack([sin, cos, down], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _shift(pixels: Tensor, most: int) -> Tensor:
    """Move each picture by up to `most` whole pixels each way; what comes in is the reflected edge."""
    count, _, height, width = pixels.shape
    padded = functional.pad(pixels, (most,) * 4, mode="reflect")
    down, across = torch.randint(0, 2 * most + 1, (2, count, 1), device=pixels.device)
    rows = down + torch.arange(height, device=pixels.device)
    columns = across + torch.arange(width, device=pixels.device)
    picture = torch.arange(count, device=pixels.device)[:, None, None]
    moved = padded.permute(0, 2, 3, 1)[picture, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _erase(pixels: Tensor, side: int) -> Tensor:
    """Blank one square of each picture (DeVries and Taylor 2017, "Cutout")."""
    count, _, height, width = pixels.shape
    top, left = (torch.randint(0, size, (count, 1), device=pixels.device) - side // 2 for size in (height, width))
    rows = torch.arange(height, device=pixels.device)
    columns = torch.arange(width, device=pixels.device)
    in_rows, in_columns = (rows >= top) & (rows < top + side), (columns >= left) & (columns < left + side)
    return pixels.masked_fill((in_rows[:, :, None] & in_columns[:, None, :])[:, None], 0.0)
