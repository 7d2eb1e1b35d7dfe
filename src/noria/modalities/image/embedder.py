"""From pixels to tokens: normalise, then a convolution stem, patches, a pyramid, or the backbone of a checkpoint.

A stem's settings are those of modalities/image/modality.py. Every stem is a module float[B, C, H, W] -> float[B, T, D]
with D as its attribute `width`; `grids` says which part of the picture a token stands for. Read next: pyramid.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.errors import UserError
from noria.modalities.image.arrays import PIXELS
from noria.modalities.image.backbones import backbone_of, strides_of
from noria.modalities.image.by_data import stages_of
from noria.modalities.image.pyramid import Pyramid, pyramid_grids
from noria.types import State, Tokens

if TYPE_CHECKING:
    from noria.modalities.image.settings import ImageSettings


WHITENED = 2  # the side of the patches that `whiten` looks at, in pixels


class ImageEmbedder(nn.Module):
    """`pixels` uint8 or float[B, H, W, C], 0 to 255 -> Tokens."""

    mean: Tensor
    spread: Tensor

    def __init__(self, settings: ImageSettings, state: State, width: int) -> None:
        super().__init__()
        if settings.tta_flip and settings.stem == "pyramid":
            raise UserError("a pyramid's tokens lie where they lie: inputs.image.tta_flip is for one token a picture")
        self.register_buffer("mean", 255 * torch.tensor(state["mean"]).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("spread", 255 * torch.tensor(state["spread"]).view(1, -1, 1, 1), persistent=False)
        kind = Pretrained if _is_pretrained(settings, state) else STEMS[settings.stem]
        self.stem = kind(settings, state, width)
        self.width = int(self.stem.width)  # type: ignore[arg-type]
        self.tta_flip = settings.tta_flip
        self.grids = grids(settings, state)

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        pixels = (arrays[PIXELS].permute(0, 3, 1, 2).float() - self.mean).div_(self.spread)
        pixels = pixels.to(next(self.parameters()).dtype)  # a model that only answers may be of bfloat16
        features: Tensor = self.stem(pixels)
        if self.tta_flip and not self.training:  # one token and a linear head: the mean of two answers' logits
            features = (features + self.stem(pixels.flip(3))) / 2
        return Tokens(features, grids=self.grids)


class Reference(nn.Module):
    """The network that the project started from: two 3x3 convolutions, each pooled and rectified, then flattened.

    Pooling before ReLU is the same function as after it, on a quarter of the numbers.
    """

    def __init__(self, settings: ImageSettings, state: State, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(state["channels"], 32, 3)
        self.second = nn.Conv2d(32, 64, 3)
        sides = [((side - 2) // 2 - 2) // 2 for side in (state["height"], state["width"])]
        if min(sides) < 1:
            raise UserError(
                "the picture is too small for inputs.image.stem=reference",
                expected="at least 10 x 10 pixels",
                found=f"{state['height']} x {state['width']}",
                fix="give inputs.image.stem=convolution",
            )
        self.width = 64 * sides[0] * sides[1]

    def forward(self, pixels: Tensor) -> Tensor:
        features = functional.relu(functional.max_pool2d(self.first(pixels), 2))
        features = functional.relu(functional.max_pool2d(self.second(features), 2))
        return features.flatten(1).unsqueeze(1)


class Convolution(nn.Module):
    """Stages of 3x3 convolutions, pooled before they are normalised and rectified, on a quarter of the numbers.

    Stage i has `blocks` convolutions of widths[i], the first of which pools by pools[i]; `first` is kernel and stride
    of an extra convolution before them, of widths[0]. What is left of the picture becomes one token (`max`, `mean`
    over it, or `flat`), or a token a place (`grid`).
    """

    def __init__(self, settings: ImageSettings, state: State, width: int) -> None:
        super().__init__()
        self.pooling = settings.pooling
        self.layers, self.width, (rows, columns) = _layers(settings, state, width)
        if self.pooling == "flat":
            self.width *= rows * columns

    def forward(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.layers(pixels)
        if self.pooling == "max":
            return features.amax((2, 3)).unsqueeze(1)
        if self.pooling == "mean":
            return features.mean((2, 3)).unsqueeze(1)
        return features.flatten(1).unsqueeze(1) if self.pooling == "flat" else features.flatten(2).transpose(1, 2)


class _Block(nn.Module):
    """Convolution, pooling, batch normalisation, activation."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int, padding: int, pool: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, width, kernel, stride, padding, bias=False)
        self.normalise = nn.BatchNorm2d(width)
        self.pool = pool

    def forward(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.convolution(pixels)
        if self.pool > 1:
            features = functional.max_pool2d(features, self.pool)
        return functional.relu(self.normalise(features))


class _Whitening(nn.Module):
    """A frozen first convolution whose filters whiten the pictures' 2 x 2 patches; only its bias is learnt.

    Jordan 2024, "94 % on CIFAR-10 in 3.29 seconds on a single GPU". The filters come from `Image.fit`.
    """

    filters: Tensor

    def __init__(self, state: State) -> None:
        super().__init__()
        filters = torch.tensor(state["whitening"]).view(-1, state["channels"], WHITENED, WHITENED)
        self.register_buffer("filters", filters, persistent=False)
        self.bias = nn.Parameter(torch.zeros(len(filters)))

    def forward(self, pixels: Tensor) -> Tensor:
        return functional.gelu(functional.conv2d(pixels, self.filters, self.bias))


def _layers(settings: ImageSettings, state: State, width: int) -> tuple[nn.Sequential, int, tuple[int, int]]:
    """Return the blocks, the channels they end with, and the rows and columns that are left."""
    widths, pools, convolutions = stages_of(settings, state, width)
    rows, columns, channels = state["height"], state["width"], state["channels"]
    blocks: list[nn.Module] = []
    if "whitening" in state:
        blocks.append(_Whitening(state))
        rows, columns, channels = rows - WHITENED + 1, columns - WHITENED + 1, len(state["whitening"])
    if settings.first is not None:
        kernel, stride = settings.first
        if min(rows, columns) < kernel:
            raise UserError(f"inputs.image.first of {kernel} pixels is larger than the picture")
        blocks.append(_Block(channels, widths[0], kernel, stride, 0, 1))
        channels, widths = widths[0], widths[1:]
        rows, columns = (rows - kernel) // stride + 1, (columns - kernel) // stride + 1
    for stage, wide in enumerate(widths):
        pool = pools[stage] if stage < len(pools) else 1
        padding = int(settings.is_padded or min(rows, columns) < 5)
        for block in range(convolutions):
            rows, columns = rows - 2 + 2 * padding, columns - 2 + 2 * padding
            pool = pool if block == 0 and min(rows, columns) >= 2 * pool else 1
            blocks.append(_Block(channels, wide, 3, 1, padding, pool))
            rows, columns, channels = rows // pool, columns // pool, wide
    return nn.Sequential(*blocks), channels, (rows, columns)


class Patches(nn.Module):
    """Cut the picture into squares and embed each, with a learnt position, as a vision Transformer does."""

    def __init__(self, settings: ImageSettings, state: State, width: int) -> None:
        super().__init__()
        rows, columns = _patches(settings, state)
        self.cut = nn.Conv2d(state["channels"], width, settings.patch, settings.patch)
        self.place = nn.Parameter(0.02 * torch.randn(rows * columns, width))
        self.width = width

    def forward(self, pixels: Tensor) -> Tensor:
        tokens: Tensor = self.cut(pixels).flatten(2).transpose(1, 2)
        return tokens + self.place


def _patches(settings: ImageSettings, state: State) -> tuple[int, int]:
    """Return how many rows and columns of patches a picture has; raise UserError where it has none."""
    if settings.patch > min(state["height"], state["width"]):
        raise UserError(f"inputs.image.patch of {settings.patch} pixels is larger than the picture")
    return state["height"] // settings.patch, state["width"] // settings.patch


class Pretrained(nn.Module):
    """What a checkpoint's backbone makes of a picture: the mean over its coarsest map, or (`grid`) a token a place."""

    def __init__(self, settings: ImageSettings, state: State, width: int) -> None:
        super().__init__()
        if settings.stem != "convolution":
            raise UserError(
                f"inputs.image.stem={settings.stem} has no place for a checkpoint's backbone",
                expected="pyramid, or none: then the backbone itself is the stem",
            )
        self.backbone = backbone_of(state, has_head=True)
        self.is_grid = settings.pooling == "grid"
        self.width = self.backbone.width

    def forward(self, pixels: Tensor) -> Tensor:
        places = self.backbone.places(pixels)
        return places.flatten(2).transpose(1, 2) if self.is_grid else places.mean((2, 3)).unsqueeze(1)


def _is_pretrained(settings: ImageSettings, state: State) -> bool:
    return "backbone" in state and settings.stem != "pyramid"


STEMS: dict[str, type[nn.Module]] = {
    "convolution": Convolution,
    "reference": Reference,
    "patches": Patches,
    "pyramid": Pyramid,
}


def grids(settings: ImageSettings, state: State) -> tuple[tuple[int, int], ...]:
    """Return the rows and columns of the maps of tokens that a picture becomes, fine to coarse."""
    if settings.stem == "pyramid":
        return pyramid_grids(settings, state)
    if _is_pretrained(settings, state):
        stride = strides_of(state)[-1] if settings.pooling == "grid" else max(state["height"], state["width"])
        return ((-(-state["height"] // stride), -(-state["width"] // stride)),)
    if settings.stem == "patches":
        return (_patches(settings, state),)
    if settings.stem == "convolution" and settings.pooling == "grid":
        return (_layers(settings, state, 4)[2],)
    return ((1, 1),)
