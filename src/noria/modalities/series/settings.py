"""The settings of series, which the modality and its embedder share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from noria.contract.settings import IS_SHAPE, TRIED, tried, tried_between
from noria.errors import UserError
from noria.types import State

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
SHAPE = {**NETWORK_ONLY, IS_SHAPE: True}
MAX_LENGTH = 2**16 - 1  # frames, which are numbered in 16 bits


def _centers(series: SeriesSettings) -> tuple[str | None, ...]:
    return (None, "series", "frame") if series.dimensions in (2, 3) else ()


def _rotations(series: SeriesSettings) -> tuple[float, ...]:
    return (0.0, 10.0, 20.0) if series.dimensions in (2, 3) else ()


@dataclass(frozen=True)
class SeriesSettings:
    """How frames of numbers are read, varied and embedded."""

    channels: int | None = None
    """Numbers per frame, where a value is one flat row of them. Null means one."""
    rows: int = 1
    """Rows of a file that make one frame. Above 1 where each row is one joint or sensor."""
    columns: tuple[int, ...] | None = None
    """Columns of a row that are read, counted from 0. Null reads all."""
    dimensions: int | None = None
    """Coordinates per point, where channels are points in space. `center`, `rotate`, `flip`, `apart` need it."""
    valid: tuple[float, float] | None = None
    """Lowest and highest value the sensor can give. What lies outside or is missing is interpolated in time."""
    center: Literal["series", "frame"] | None = field(default=None, metadata={TRIED: _centers, IS_SHAPE: True})
    """Move the points' mean to zero, over the `series` or each `frame`. Where the place does not matter."""
    length: int | None = field(default=None, metadata={IS_SHAPE: True} | tried(None, 32, 64))
    """Frames that every series is resampled to. Null keeps each one's own length and speed."""
    max_length: int = 4096
    """Longest series in frames, at most 65,535; the rest is cut off. Memory and time grow with it."""
    rate_hz: float | None = field(default=None, metadata=NETWORK_ONLY)
    """Frames per second. Only explanations use it, to speak of seconds."""
    cut: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 0.2))
    """Augmentation: largest fraction cut off at either end, 0 to 0.5. For recordings started and stopped by hand."""
    time_stretch: float = field(
        default=0.0, metadata={**NETWORK_ONLY, TRIED: lambda series: () if series.length else (0.0, 0.1, 0.3)}
    )
    """Augmentation: largest random change of speed, as log of the factor. Has no effect with `length`."""
    noise: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 0.2))
    """Augmentation: spread of random noise added to each number, in standard deviations of its channel."""
    scale: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 0.3))
    """Augmentation: largest random change of amplitude, as log of the factor; 0.1 is about 10 %."""
    channel_dropout: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 0.3))
    """Augmentation: fraction of points (or channels) set to their mean, 0 to 1. For sensors that fail."""
    rotate: float = field(default=0.0, metadata={**NETWORK_ONLY, TRIED: _rotations})
    """Augmentation: largest random rotation about the second axis, in degrees. Needs `dimensions`."""
    flip: bool = field(default=False, metadata=NETWORK_ONLY)
    """Augmentation: mirror half of the series left to right. Not where left and right mean different things."""
    widths: tuple[int, ...] | None = field(default=None, metadata=NETWORK_ONLY)
    """Channels of each convolution, as many as `pools`. Null takes model.width for each."""
    kernel: int = field(default=5, metadata=SHAPE | tried(3, 5, 9))
    """Length of each convolution in frames, an odd number. Raise it for slow signals."""
    pools: tuple[int, ...] = field(default=(1, 2, 2), metadata=NETWORK_ONLY)
    """Pooling factor of each convolution; a token stands for their product in frames. Raise to save time."""
    velocities: bool = field(default=True, metadata=SHAPE | tried(True, False))
    """Show the differences between frames beside their values. Turn off where only levels matter."""
    pooling: Literal["grid", "max"] = field(default="grid", metadata=SHAPE | tried("grid", "max"))
    """Tokens: one for each time step that is left (`grid`), or one for the whole series (`max`), which is faster."""
    dropout: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 0.5))
    """Dropout of the tokens' features, 0 to 1. Raise it where validation stays far behind training."""
    apart: bool = field(default=False, metadata=NETWORK_ONLY)
    """Give each point tokens of its own, by convolutions that all points share. Explanations then name points."""
    points: tuple[str, ...] | None = field(default=None, metadata=NETWORK_ONLY)
    """Names of the points in order, which explanations use with `apart`. Null numbers them."""

    def __post_init__(self) -> None:
        if self.max_length > MAX_LENGTH:
            raise ValueError(f"max_length is at most {MAX_LENGTH}")
        counts = [self.channels, self.rows, self.dimensions, self.length, self.max_length, *self.pools]
        if any(count is not None and count < 1 for count in counts) or self.kernel < 1 or not self.kernel % 2:
            raise ValueError("channels, rows, dimensions, length, max_length and pools are 1 or more, kernel is odd")
        if not (0 <= self.cut < 0.5 and 0 <= self.channel_dropout < 1 and 0 <= self.dropout < 1):
            raise ValueError("cut lies in 0 to 0.5, channel_dropout and dropout in 0 to 1")
        if (self.rotate or self.flip or self.center) and self.dimensions not in (2, 3):
            raise ValueError("rotate, flip and center need dimensions: 2 or 3 coordinates of each point")
        if (self.apart or self.points) and self.dimensions is None:
            raise ValueError("apart and points need dimensions: how many coordinates a point has")

    def names_of_points(self, state: State) -> list[str]:
        """Return what each point of a frame is called: as the settings say, else point 1, point 2, ..."""
        count = state["channels"] // (self.dimensions or 1)
        if self.points is not None and len(self.points) != count:
            raise UserError(
                "there are more or fewer points than names",
                where="inputs.series.points",
                expected=f"{count} names",
                found=str(len(self.points)),
            )
        return list(self.points or (f"point {number}" for number in range(1, count + 1)))
