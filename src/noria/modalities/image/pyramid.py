"""A pyramid of maps: a backbone, by default residual, its stages fused from coarse to fine, each place one token.

    stage  2 - 4 - 8 - 16 - 32      stride in pixels; widths[i] channels each
                   |    |    |      1x1 convolution to the tokens' width
                   + <- + <- +      twice as large, added, 3x3 convolution
                   |    |    |
    tokens         8   16   32      those of `strides`, fine to coarse, row by row

The backbone of a checkpoint may stand in the place of ours. He et al. 2016, "Deep Residual Learning"; Lin et al. 2017,
"Feature Pyramid Networks". Knows no answer: heads for boxes and masks see tokens and `grids`. Read next: backbones.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.errors import UserError
from noria.modalities.image.backbones import backbone_of, strides_of
from noria.modalities.image.by_data import RESIDUAL_BLOCKS
from noria.types import State

if TYPE_CHECKING:
    from noria.modalities.image.settings import ImageSettings

STAGES = 5  # of the backbone where no widths are given: strides 2, 4, 8, 16 and 32
LEAST_WIDTH = 8  # channels of a stage where no widths are given


class Pyramid(nn.Module):
    """pixels float[B, C, H, W] -> float[B, T, width]: the places of every map in `strides`, one after another."""

    def __init__(self, settings: ImageSettings, state: State, width: int) -> None:
        super().__init__()
        self.levels = _levels(settings, state)
        finest = self.levels[0]
        self.backbone: nn.Module
        if "backbone" in state:
            self.backbone = backbone_of(state)
            widths = self.backbone.widths
        else:
            widths = _widths(settings, width)
            self.backbone = Residuals(
                state["channels"], widths, RESIDUAL_BLOCKS if settings.blocks is None else settings.blocks
            )
        self.sides = nn.ModuleList(nn.Conv2d(wide, width, 1) for wide in widths[finest:])
        self.smooth = nn.ModuleList(_Convolution(width, width) for _ in widths[finest:])
        self.width = width

    def forward(self, pixels: Tensor) -> Tensor:
        maps: list[Tensor] = self.backbone(pixels)
        finest = len(maps) - len(self.sides)
        fused: dict[int, Tensor] = {}
        for stage in range(len(maps) - 1, finest - 1, -1):
            level = self.sides[stage - finest](maps[stage])
            if stage + 1 in fused:
                level = level + functional.interpolate(fused[stage + 1], size=level.shape[-2:])
            fused[stage] = self.smooth[stage - finest](level)
        return torch.cat([fused[stage].flatten(2).transpose(1, 2) for stage in self.levels], 1)


class Residuals(nn.Module):
    """Stages that halve the picture and then refine it in `blocks` residual blocks; the first one only halves.

    pixels float[B, C, H, W] -> a map float[B, widths[i], H / 2^(i+1), W / 2^(i+1)] for each stage, sides rounded up.
    """

    def __init__(self, channels: int, widths: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        stages = []
        for stage, wide in enumerate(widths):
            refined = [_Residual(wide) for _ in range(blocks if stage else 0)]
            stages.append(nn.Sequential(_Convolution(channels, wide, 2), *refined))
            channels = wide
        self.stages = nn.ModuleList(stages)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            pixels = stage(pixels)
            maps.append(pixels)
        return maps


class _Convolution(nn.Module):
    """A 3x3 convolution, batch normalisation, activation."""

    normalised = (("convolution", "normalise"),)

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.normalise = nn.BatchNorm2d(width)

    def forward(self, pixels: Tensor) -> Tensor:
        return functional.relu(self.normalise(self.convolution(pixels)), inplace=True)


class _Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut; starts as the identity."""

    normalised = (("second", "normalise"),)

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _Convolution(width, width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.normalise = nn.BatchNorm2d(width)
        nn.init.zeros_(self.normalise.weight)

    def forward(self, pixels: Tensor) -> Tensor:
        return functional.relu(pixels + self.normalise(self.second(self.first(pixels))), inplace=True)


def pyramid_grids(settings: ImageSettings, state: State) -> tuple[tuple[int, int], ...]:
    """Return the rows and columns of each map whose places become tokens."""
    known = _strides(settings, state)
    strides = [known[level] for level in _levels(settings, state)]
    return tuple((-(-state["height"] // stride), -(-state["width"] // stride)) for stride in strides)


def _widths(settings: ImageSettings, width: int) -> tuple[int, ...]:
    if settings.widths is not None:
        return settings.widths
    return tuple(max(LEAST_WIDTH, min(width, width * 2**stage // 8)) for stage in range(STAGES))


def _strides(settings: ImageSettings, state: State) -> list[int]:
    """Return the strides of the backbone's maps, in pixels."""
    if "backbone" in state:
        return list(strides_of(state))
    return [2 ** (stage + 1) for stage in range(STAGES if settings.widths is None else len(settings.widths))]


def _levels(settings: ImageSettings, state: State) -> list[int]:
    """Return which maps of the backbone become tokens; raise UserError where the strides are not theirs."""
    known = _strides(settings, state)
    strides = list(settings.strides)
    if not strides or strides != sorted(set(strides)) or not set(strides) <= set(known):
        raise UserError(
            "the pyramid has no maps of these strides",
            where="inputs.image.strides",
            expected=f"some of {', '.join(map(str, known))}, fine to coarse",
            found=str(strides),
            fix="" if "backbone" in state else "each of inputs.image.widths doubles the stride",
        )
    return [known.index(stride) for stride in strides]
