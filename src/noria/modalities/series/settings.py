"""The settings of series, which the modality and its embedder share. What each does: modality.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from noria.errors import UserError
from noria.types import State

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
MAX_LENGTH = 2**16 - 1  # frames, which are numbered in 16 bits


@dataclass(frozen=True)
class SeriesSettings:
    """How frames of numbers are read, varied and embedded."""

    channels: int | None = None
    rows: int = 1
    columns: tuple[int, ...] | None = None
    dimensions: int | None = None
    valid: tuple[float, float] | None = None
    center: Literal["series", "frame"] | None = None
    length: int | None = None
    max_length: int = 4096
    rate_hz: float | None = field(default=None, metadata=NETWORK_ONLY)
    cut: float = field(default=0.0, metadata=NETWORK_ONLY)
    stretch: float = field(default=0.0, metadata=NETWORK_ONLY)
    noise: float = field(default=0.0, metadata=NETWORK_ONLY)
    scale: float = field(default=0.0, metadata=NETWORK_ONLY)
    drop: float = field(default=0.0, metadata=NETWORK_ONLY)
    rotate: float = field(default=0.0, metadata=NETWORK_ONLY)
    mirror: bool = field(default=False, metadata=NETWORK_ONLY)
    widths: tuple[int, ...] | None = field(default=None, metadata=NETWORK_ONLY)
    kernel: int = field(default=5, metadata=NETWORK_ONLY)
    pools: tuple[int, ...] = field(default=(1, 2, 2), metadata=NETWORK_ONLY)
    velocities: bool = field(default=True, metadata=NETWORK_ONLY)
    pooling: Literal["grid", "max"] = field(default="grid", metadata=NETWORK_ONLY)
    dropout: float = field(default=0.0, metadata=NETWORK_ONLY)
    apart: bool = field(default=False, metadata=NETWORK_ONLY)
    points: tuple[str, ...] | None = field(default=None, metadata=NETWORK_ONLY)

    def __post_init__(self) -> None:
        if self.max_length > MAX_LENGTH:
            raise ValueError(f"max_length is at most {MAX_LENGTH}")
        counts = [self.channels, self.rows, self.dimensions, self.length, self.max_length, *self.pools]
        if any(count is not None and count < 1 for count in counts) or self.kernel < 1 or not self.kernel % 2:
            raise ValueError("channels, rows, dimensions, length, max_length and pools are 1 or more, kernel is odd")
        if not (0 <= self.cut < 0.5 and 0 <= self.drop < 1 and 0 <= self.dropout < 1):
            raise ValueError("cut lies in 0 to 0.5, drop and dropout in 0 to 1")
        if (self.rotate or self.mirror or self.center) and self.dimensions not in (2, 3):
            raise ValueError("rotate, mirror and center need dimensions: 2 or 3 coordinates of each point")
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
