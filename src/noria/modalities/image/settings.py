"""What the network sees of a picture, alone or in a clip."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from noria.contract.settings import IS_SHAPE, TRIED, tried, tried_between
from noria.errors import raise_unmet

MAX_SIDE = 8192  # pixels that a network sees each way; a picture of more is cut into tiles
MOST_AUGMENTED = 3.0  # of changes that are logarithms: a factor of 20
SHIFTED = 1 / 16  # of the shorter side: 2 pixels of MNIST's 28, as digits were learnt best
NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
SIDES_TRIED = (48, 96)  # pixels, beside the job's own: each is another preparation


def _scaled(picture: PictureSettings) -> Sequence[Sequence[int]]:
    """Return half and twice the widths that the job names; where they follow model.width, that is tried."""
    return [[max(1, int(width * by)) for width in picture.widths or ()] for by in (0.5, 2)] if picture.widths else ()


def _sides(picture: PictureSettings) -> Sequence[int]:
    return () if picture.size is not None or getattr(picture, "tile", None) else SIDES_TRIED


def _flips(picture: PictureSettings) -> Sequence[bool]:
    return (False,) if picture.flip else ()  # whether a mirror image keeps its class, only the job can say


@dataclass(frozen=True)
class PictureSettings:
    """What the network sees of a picture, alone or in a clip."""

    size: tuple[int, int] | None = None
    """Height and width the network sees, in pixels. Null: the pictures' own if all agree, else squares of `side`."""
    side: int | None = field(default=None, metadata={TRIED: _sides, IS_SHAPE: True})
    """Side in pixels of the squares where pictures differ or are larger. Null: by the middle ones, at most 128."""
    colors: Literal["grey", "rgb"] | None = None
    """Whether the network sees grey values or colours (RGB). Null takes what the training pictures are."""
    stem: Literal["convolution", "reference", "patches", "pyramid"] = field(
        default="convolution", metadata=NETWORK_ONLY
    )
    """Layers from pixels to tokens: `pyramid` finds things of many sizes, `patches` feeds a deep trunk."""
    widths: tuple[int, ...] | None = field(default=None, metadata={**NETWORK_ONLY, TRIED: _scaled, IS_SHAPE: True})
    """Channels of each stage of the `convolution` or `pyramid` stem. Null derives them from model.width."""
    blocks: int | None = field(default=None, metadata=NETWORK_ONLY | tried(1, 2, 3) | {IS_SHAPE: True})
    """Convolutions in each stage (residual blocks in a pyramid). Null: 2, in clips and pyramids 1."""
    pools: tuple[int, ...] | None = field(default=None, metadata=NETWORK_ONLY)
    """Pooling factor of each stage of the `convolution` stem. Null leaves 4 to 8 places each way, whatever the side."""
    pooling: Literal["max", "mean", "flat", "grid"] = field(default="max", metadata=NETWORK_ONLY)
    """What the last map becomes: one token (`max`, `mean`, `flat`), or with `grid` one per place, for attention."""
    patch: int = field(default=4, metadata=NETWORK_ONLY)
    """Side of a patch in pixels, for the stem `patches`. Smaller sees more detail and costs more tokens."""
    shift: int | None = field(default=0, metadata=NETWORK_ONLY | tried(0, 2, 4))
    """Augmentation: largest random shift each way, in pixels; null: a sixteenth of the side. For what is off centre."""
    rotate: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 15.0))
    """Augmentation: largest random rotation each way, in degrees. Not where direction matters, as in 6 and 9."""
    zoom: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 0.25))
    """Augmentation: largest random change of size, as log of the factor; 0.1 is about 10 %. For varying distances."""
    flip: bool | Literal["both"] = field(default=False, metadata={**NETWORK_ONLY, TRIED: _flips})
    """Augmentation: mirror half of the pictures left to right; `both` also top to bottom. Not for writing."""
    color_jitter: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 0.3))
    """Augmentation: largest random change of brightness, contrast and colour, a fraction. For varying light."""
    erase: int = field(default=0, metadata=NETWORK_ONLY | tried(0, 4, 8))
    """Augmentation: side in pixels of a random square filled with the mean. Against relying on one detail."""


Rules = dict[str, tuple[bool, str, object]]  # what settings must keep: name -> holds, what is expected, what was found


def shift_px(settings: PictureSettings, height: int, width: int) -> int:
    """Return the largest random shift of pictures of this size, in whole pixels."""
    return math.ceil(min(height, width) * SHIFTED) if settings.shift is None else settings.shift


def is_size(sides: Iterable[int] | None) -> bool:
    """Say whether a height and a width can be those of a picture; null leaves them open."""
    return sides is None or all(1 <= side <= MAX_SIDE for side in sides)


def picture_rules(settings: PictureSettings) -> Rules:
    """Return what the settings that pictures and clips share must keep."""
    sides, counts = f"two whole numbers from 1 to {MAX_SIDE}", "whole numbers of at least 1"
    return {
        "size": (is_size(settings.size), sides, settings.size),
        "side": (
            settings.side is None or is_size([settings.side]),
            f"a whole number from 1 to {MAX_SIDE}",
            settings.side,
        ),
        "widths": (min(settings.widths or (1,)) >= 1, counts, settings.widths),
        "blocks": ((settings.blocks or 0) >= 0, "at least 0", settings.blocks),
        "pools": (min(settings.pools or (1,)) >= 1, counts, settings.pools),
        "patch": (is_size([settings.patch]), f"a whole number from 1 to {MAX_SIDE}", settings.patch),
        "shift": (0 <= (settings.shift or 0) <= MAX_SIDE, "0 or more pixels", settings.shift),
        "rotate": (0 <= settings.rotate <= 180, "0 to 180 degrees", settings.rotate),
        "zoom": (0 <= settings.zoom <= MOST_AUGMENTED, f"0 to {MOST_AUGMENTED:g}", settings.zoom),
        "color_jitter": (0 <= settings.color_jitter <= 1, "0 to 1", settings.color_jitter),
        "erase": (0 <= settings.erase <= MAX_SIDE, "0 or more pixels", settings.erase),
    }


@dataclass(frozen=True)
class ImageSettings(PictureSettings):
    """The settings of a picture that stands alone."""

    keep: bool = False
    """Store each picture's own height and width. Needed where the answer lies in the picture: boxes, masks."""
    tile: tuple[int, int] | None = None
    """Height and width in pixels of tiles that larger pictures are cut into. For small things in large pictures."""
    overlap: float = 0.25
    """Minimum fraction of a tile shared with its neighbour, 0 to 1. Things larger than that are merged across tiles."""
    first: tuple[int, int] | None = field(default=None, metadata=NETWORK_ONLY)
    """Kernel and stride in pixels of one more convolution before the others. Use it to shrink large pictures early."""
    is_padded: bool = field(default=True, metadata=NETWORK_ONLY)
    """Pad convolutions with zeros, so that maps keep their size. False is faster and loses the rim."""
    whiten: bool = False
    """Begin with frozen filters that whiten 2 x 2 patches. Speeds up short training on small colour pictures."""
    strides: tuple[int, ...] = field(default=(8, 16, 32), metadata=NETWORK_ONLY)
    """Strides in pixels of the `pyramid` maps that become tokens, fine to coarse. Add finer ones for small things."""
    aspect: float = field(default=0.0, metadata=NETWORK_ONLY)
    """Augmentation: largest random change of the aspect ratio, as log of the factor; 0.1 is about 10 %."""
    shear: float = field(default=0.0, metadata=NETWORK_ONLY)
    """Augmentation: largest random shear, as sideways shift per height, a fraction. For slanted writing and views."""
    tta_flip: bool = field(default=False, metadata=NETWORK_ONLY)
    """Average the features of a picture and its mirror image in use. Doubles the time; not for the stem `pyramid`."""

    def __post_init__(self) -> None:
        first = self.first or (1, 1)
        rules = picture_rules(self) | {
            "tile": (is_size(self.tile), f"two whole numbers from 1 to {MAX_SIDE}", self.tile),
            "first": (min(first) >= 1, "a kernel and a stride of at least 1", self.first),
            "strides": (min(self.strides, default=1) >= 1, "whole numbers of at least 1", self.strides),
            "aspect": (0 <= self.aspect <= MOST_AUGMENTED, f"0 to {MOST_AUGMENTED:g}", self.aspect),
            "shear": (0 <= self.shear <= MOST_AUGMENTED, f"0 to {MOST_AUGMENTED:g}", self.shear),
            "overlap": (0 <= self.overlap < 1, "at least 0 and less than 1", self.overlap),
            "keep": (self.keep or self.tile is None, "true with a tile: the answer lies in the picture", self.keep),
        }
        raise_unmet("a picture", rules, "inputs.image.")
