"""From series to tokens: convolutions in time over the frames and their velocities; and how training series are varied.

What is padding stays zero, so that a series gives the same
tokens alone and beside longer ones.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.errors import UserError
from noria.modalities.series.settings import SeriesSettings
from noria.types import PAD, State, Tokens, lengths_of, real_rows

LENGTHS = lengths_of("values")


class SeriesEmbedder(nn.Module):
    """`values` float[B, T, C] (and their lengths, where they differ) -> Tokens, one for `stride` frames each.

    Of points that stay apart, those of the first frames stand first, point after point.
    """

    speed: Tensor

    def __init__(self, settings: SeriesSettings, state: State, width: int) -> None:
        super().__init__()
        self.register_buffer("speed", torch.tensor(state["speed"]), persistent=False)
        self.velocities, self.pooling = settings.velocities, settings.pooling
        widths = settings.widths or (width,) * len(settings.pools)
        if len(widths) != len(settings.pools):
            raise UserError(
                "inputs.series.widths and inputs.series.pools are of the same convolutions",
                expected=f"{len(settings.pools)} widths",
                found=str(list(widths)),
            )
        names = settings.names_of_points(state)
        self.num_points = len(names) if settings.apart else 1
        channels = state["channels"] // self.num_points * (2 if self.velocities else 1)
        self.blocks = nn.ModuleList()
        for wide, pool in zip(widths, settings.pools, strict=True):
            self.blocks.append(_Block(channels, wide, settings.kernel, pool))
            channels = wide
        self.dropout = nn.Dropout(settings.dropout)
        self.width = channels
        self.point = nn.Parameter(0.02 * torch.randn(self.num_points, channels)) if settings.apart else None

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        values = arrays["values"].float()
        is_real = real_rows(arrays[LENGTHS], values.shape[1]) if LENGTHS in arrays else None
        if is_real is not None:
            values = values * is_real[:, :, None]
        parts = [values, self._moved(values, is_real)] if self.velocities else [values]
        # [B, T, points, channels]
        split = torch.cat([torch.unflatten(part, 2, (self.num_points, -1)) for part in parts], 3)
        features = split.permute(0, 2, 3, 1).flatten(0, 1)
        if is_real is not None:
            is_real = is_real.repeat_interleave(self.num_points, 0)
        for block in self.blocks:
            features, is_real = block(features, is_real)
        if self.pooling == "max":
            if is_real is not None:
                features = features.masked_fill(~is_real[:, None], -torch.inf)
            features, is_real = features.amax(2, keepdim=True), None
        return self._joined(features, is_real)

    def _joined(self, features: Tensor, is_real: Tensor | None) -> Tokens:
        """Return the features float[B * points, D, T] and bool[B * points, T] as the tokens of whole series."""
        tokens = torch.unflatten(features, 0, (-1, self.num_points)).permute(0, 3, 1, 2)  # [B, T, points, D]
        if self.point is not None:
            tokens = tokens + self.point
        if is_real is not None:
            is_real = torch.unflatten(is_real, 0, (-1, self.num_points)).transpose(1, 2).flatten(1)
        return Tokens(self.dropout(tokens.flatten(1, 2)), is_real)

    def _moved(self, values: Tensor, is_real: Tensor | None) -> Tensor:
        """Return how far each frame is from the next one, in the spread of such steps; the last one stands still."""
        steps = functional.pad((values[:, 1:] - values[:, :-1]) / self.speed, (0, 0, 0, 1))
        return steps if is_real is None else steps * functional.pad(is_real[:, 1:], (0, 1))[:, :, None]


class _Block(nn.Module):
    """Convolution, pooling, batch normalisation over what is real, activation."""

    def __init__(self, channels: int, width: int, kernel: int, pool: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(channels, width, kernel, padding=kernel // 2, bias=False)
        self.normalise = nn.BatchNorm1d(width)
        self.pool = pool

    def forward(self, values: Tensor, is_real: Tensor | None) -> tuple[Tensor, Tensor | None]:
        features: Tensor = self.convolution(values)
        if self.pool > 1:
            if is_real is not None:
                features = features.masked_fill(~is_real[:, None], -torch.inf)
                is_real = self._pooled(is_real[:, None].to(features.dtype))[:, 0] > 0
            features = self._pooled(features)
        if is_real is None:
            return functional.relu(self.normalise(features)), None
        features = features.masked_fill(~is_real[:, None], 0.0)
        if self.training:
            known = features.transpose(1, 2)
            normal = torch.zeros_like(known)
            normal[is_real] = self.normalise(known[is_real]).to(normal.dtype)
            return functional.relu(normal.transpose(1, 2)), is_real
        return functional.relu(self.normalise(features)) * is_real[:, None], is_real

    def _pooled(self, features: Tensor) -> Tensor:
        """Return the highest of every `pool` places; the last ones may be fewer.

        By slices: torch.export takes the length that max_pool1d was traced with for the only one.
        """
        length = features.shape[2]
        padded = functional.pad(features, (0, self.pool - 1), value=-torch.inf)
        return torch.stack([padded[:, :, i : i + length : self.pool] for i in range(self.pool)]).amax(0)


def stride(settings: SeriesSettings) -> int:
    """Return how many frames a token stands for."""
    return math.prod(settings.pools)


def pooled_length(frames: int, settings: SeriesSettings) -> int:
    """Return how many tokens so many frames become."""
    for pool in settings.pools:
        frames = -(-frames // pool)
    return frames


def augment(arrays: dict[str, Tensor], settings: SeriesSettings) -> dict[str, Tensor]:
    """Return a batch of series varied as the settings say, and their lengths where they differ."""
    values, lengths = arrays["values"], arrays.get(LENGTHS)
    if settings.cut or (settings.time_stretch and lengths is not None):
        values, lengths = _retimed(values, lengths, settings)
    if settings.dimensions is not None and (settings.rotate or settings.flip):
        values = _turned(values, settings.dimensions, settings)
    count, _, channels = values.shape
    group = settings.dimensions or 1
    if settings.scale:
        each = group if settings.dimensions else channels  # all points by the same, or each channel by its own
        factors = ((2 * torch.rand(count, each, device=values.device) - 1) * settings.scale).exp()
        values = values * factors.repeat(1, channels // each)[:, None]
    if settings.noise:
        values = values + settings.noise * torch.randn_like(values)
    if settings.channel_dropout:
        is_kept = torch.rand(count, channels // group, device=values.device) >= settings.channel_dropout
        values = values * is_kept.repeat_interleave(group, 1)[:, None]
    if lengths is None:
        return {"values": values}
    place = torch.arange(values.shape[1], device=values.device).expand(values.shape[:2])
    frames = place.masked_fill(~real_rows(lengths, values.shape[1]), PAD)
    return {"values": values, "frames": frames, LENGTHS: lengths}


def _retimed(values: Tensor, lengths: Tensor | None, settings: SeriesSettings) -> tuple[Tensor, Tensor | None]:
    """Cut something off both ends and, where series keep their own length, let them run faster or slower."""
    count, longest, _ = values.shape
    device = values.device
    last = torch.full((count,), longest - 1.0, device=device) if lengths is None else lengths - 1.0
    start = last * settings.cut * torch.rand(count, device=device)
    end = last - last * settings.cut * torch.rand(count, device=device)
    steps = last
    if lengths is not None:
        speed = ((2 * torch.rand(count, device=device) - 1) * settings.time_stretch).exp()
        steps = ((end - start) / speed).round().clamp(0, longest - 1)
    place = torch.arange(longest, device=device)
    times = start[:, None] + (end - start)[:, None] * (place / steps.clamp_min(1)[:, None]).clamp_max(1)
    before = times.floor().long()
    after = torch.minimum(before + 1, last.long()[:, None])
    share = (times - before)[:, :, None]
    row = torch.arange(count, device=device)[:, None]
    values = values[row, before] * (1 - share) + values[row, after] * share
    return values, None if lengths is None else steps.long() + 1


def _turned(values: Tensor, dimensions: int, settings: SeriesSettings) -> Tensor:
    """Turn all points of a series by one angle and mirror them or not."""
    count, longest, _ = values.shape
    points = values.reshape(count, longest, -1, dimensions).unbind(-1)
    across, other = points[0], points[-1]
    if settings.flip:
        sign = 1 - 2 * (torch.rand(count, 1, 1, device=values.device) < 0.5).to(values.dtype)
        across = across * sign
    if settings.rotate:
        angle = (2 * torch.rand(count, 1, 1, device=values.device) - 1) * math.radians(settings.rotate)
        across, other = across * angle.cos() - other * angle.sin(), across * angle.sin() + other * angle.cos()
    return torch.stack([across, *points[1:-1], other], -1).flatten(2)
