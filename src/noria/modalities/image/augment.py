"""Vary pictures on the fly, a whole batch at once: affine, flip, erase. Randomness follows torch's global seed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from noria.modalities.image.settings import shift_px

if TYPE_CHECKING:
    from noria.modalities.image.settings import ImageSettings


def augment(pixels: Tensor, settings: ImageSettings) -> Tensor:
    """Return the pictures uint8[B, H, W, C] varied as the settings say; float32 of the same range after an affine."""
    if settings.rotate or settings.zoom or settings.aspect or settings.shear:
        pixels = _affine(pixels, settings)
    elif most := shift_px(settings, *pixels.shape[1:3]):
        pixels = _shift(pixels, most)
    for axis, is_flipped in drawn_flips(pixels, settings):
        pixels = torch.where(is_flipped[:, None, None, None], pixels.flip(axis), pixels)
    return jitter_colors(pixels, settings)


def is_moving(settings: ImageSettings) -> bool:
    """Say whether the settings move what is in a picture, other than by flips."""
    changes = (settings.rotate, settings.zoom, settings.aspect, settings.shear)
    return any(changes) or settings.shift != 0


def drawn_flips(pixels: Tensor, settings: ImageSettings) -> list[tuple[int, Tensor]]:
    """Return the axes of [B, H, W, ...] along which pictures are flipped, and which are, bool[B]."""
    axes = {True: (2,), "both": (2, 1)}.get(settings.flip, ())
    return [(axis, torch.rand(len(pixels), device=pixels.device) < 0.5) for axis in axes]


def jitter_colors(pixels: Tensor, settings: ImageSettings) -> Tensor:
    """Return the pictures with what leaves everything in its place: other light, a square erased."""
    if settings.color_jitter:
        pixels = _light(pixels, settings.color_jitter)
    if settings.erase:
        pixels = _erase(pixels, settings.erase)
    return pixels


def _light(pixels: Tensor, most: float) -> Tensor:
    """Change brightness, contrast and the strength of each channel by up to this share, for each picture."""
    count, channels = len(pixels), pixels.shape[3]

    def factor(width: int) -> Tensor:
        return 1 + most * (2 * torch.rand(count, 1, 1, width, device=pixels.device) - 1)

    pixels = pixels.float()
    mean = pixels.mean((1, 2, 3), keepdim=True)
    return ((pixels - mean) * factor(1) + mean * factor(1)).mul(factor(channels)).clamp(0, 255)


def _affine(pixels: Tensor, settings: ImageSettings) -> Tensor:
    """Rotate, zoom, stretch, shear and shift each picture by its own random amount; edge pixels are repeated."""
    return resampled(pixels, drawn_affine(pixels, settings), "border")


def drawn_affine(pixels: Tensor, settings: ImageSettings) -> Tensor:
    """Return float[B, 2, 3]: where in its picture each place of the varied one comes from, both from -1 to 1."""
    count, height, width = pixels.shape[:3]

    def uniform(limit: float) -> Tensor:
        return (2 * torch.rand(count, device=pixels.device) - 1) * limit

    angle, shear = uniform(math.radians(settings.rotate)), uniform(settings.shear)
    down_by = uniform(settings.zoom).exp()
    across_by = down_by * uniform(settings.aspect).exp()
    cos, sin = angle.cos(), angle.sin()
    shift = shift_px(settings, height, width)
    across, down = uniform(2 * shift / width), uniform(2 * shift / height)
    rows = [
        torch.stack([cos / across_by, (cos * shear - sin) / down_by, across], 1),
        torch.stack([sin / across_by, (sin * shear + cos) / down_by, down], 1),
    ]
    return torch.stack(rows, 1)


def resampled(pixels: Tensor, affine: Tensor, padding: str) -> Tensor:
    """Return the pictures float[B, H, W, C] as an affine map of places shows them."""
    count, height, width, channels = pixels.shape
    grid = functional.affine_grid(affine, [count, channels, height, width], align_corners=False)
    moved = functional.grid_sample(pixels.permute(0, 3, 1, 2).float(), grid, padding_mode=padding, align_corners=False)
    return moved.permute(0, 2, 3, 1)


def _shift(pixels: Tensor, most: int) -> Tensor:
    """Move each picture by up to `most` whole pixels each way; what comes in is the reflected edge."""
    count, height, width, _ = pixels.shape
    move = torch.randint(-most, most + 1, (2, count, 1), device=pixels.device)
    rows, columns = (
        _reflected(move[axis] + torch.arange(side, device=pixels.device), side)
        for axis, side in enumerate((height, width))
    )
    picture = torch.arange(count, device=pixels.device)[:, None, None]
    return pixels[picture, rows[:, :, None], columns[:, None, :]]


def _reflected(places: Tensor, side: int) -> Tensor:
    """Fold places beyond the edge back inside: -1 is 1, `side` is side - 2."""
    return (side - 1 - (side - 1 - places.abs()).abs()).clamp(0, side - 1)


def _erase(pixels: Tensor, side: int) -> Tensor:
    """Fill one square of each picture with its mean (DeVries and Taylor 2017, "Cutout")."""
    count, height, width, _ = pixels.shape
    inside = []
    for length in (height, width):
        start = torch.randint(0, length, (count, 1), device=pixels.device) - side // 2
        places = torch.arange(length, device=pixels.device)
        inside.append((places >= start) & (places < start + side))
    square = (inside[0][:, :, None] & inside[1][:, None, :])[..., None]
    mean = pixels.float().mean((1, 2), keepdim=True).to(pixels.dtype)
    return torch.where(square, mean, pixels)
