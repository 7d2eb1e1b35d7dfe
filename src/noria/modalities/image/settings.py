"""What the network sees of a picture, alone or in a clip."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from noria.errors import raise_unmet

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on


@dataclass(frozen=True)
class PictureSettings:
    """What the network sees of a picture, alone or in a clip; said of each setting by `Image`."""

    size: tuple[int, int] | None = None
    side: int = 128
    colors: Literal["grey", "rgb"] | None = None
    stem: Literal["convolution", "reference", "patches", "pyramid"] = field(
        default="convolution", metadata=NETWORK_ONLY
    )
    widths: tuple[int, ...] | None = field(default=None, metadata=NETWORK_ONLY)
    blocks: int = field(default=1, metadata=NETWORK_ONLY)
    pools: tuple[int, ...] = field(default=(2, 2, 2), metadata=NETWORK_ONLY)
    pooling: Literal["max", "mean", "flat", "grid"] = field(default="max", metadata=NETWORK_ONLY)
    patch: int = field(default=4, metadata=NETWORK_ONLY)
    shift: int = field(default=0, metadata=NETWORK_ONLY)
    rotate: float = field(default=0.0, metadata=NETWORK_ONLY)
    zoom: float = field(default=0.0, metadata=NETWORK_ONLY)
    flip: bool | Literal["both"] = field(default=False, metadata=NETWORK_ONLY)
    light: float = field(default=0.0, metadata=NETWORK_ONLY)
    erase: int = field(default=0, metadata=NETWORK_ONLY)


@dataclass(frozen=True)
class ImageSettings(PictureSettings):
    """The settings of a picture that stands alone."""

    keep: bool = False
    tile: tuple[int, int] | None = None
    lap: float = 0.25
    first: tuple[int, int] | None = field(default=None, metadata=NETWORK_ONLY)
    is_padded: bool = field(default=True, metadata=NETWORK_ONLY)
    whiten: bool = False
    strides: tuple[int, ...] = field(default=(8, 16, 32), metadata=NETWORK_ONLY)
    stretch: float = field(default=0.0, metadata=NETWORK_ONLY)
    shear: float = field(default=0.0, metadata=NETWORK_ONLY)
    mirror: bool = field(default=False, metadata=NETWORK_ONLY)

    def __post_init__(self) -> None:
        rules = {
            "tile": (self.tile is None or min(self.tile) > 0, "two whole numbers above 0", self.tile),
            "lap": (0 <= self.lap < 1, "at least 0 and less than 1", self.lap),
            "keep": (self.keep or self.tile is None, "true with a tile: the answer lies in the picture", self.keep),
        }
        raise_unmet("a picture", rules, "inputs.image.")
