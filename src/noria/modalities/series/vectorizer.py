"""A series at a few moments, for a linear model or a nearest template."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from noria.modalities.series.embedder import LENGTHS
from noria.types import Features

MOMENTS = 24  # at which a series is read, from its first frame to its last


class SeriesVectorizer(nn.Module):
    """`values` float[B, T, C], and their lengths where they differ -> Features: the frames at MOMENTS moments."""

    is_counts = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.size = self.plain = MOMENTS * channels

    def forward(self, arrays: dict[str, Tensor]) -> Features:
        values = arrays["values"].float()
        lengths = arrays.get(LENGTHS, torch.full_like(values[:, 0, 0], values.shape[1], dtype=torch.int64))
        share = torch.linspace(0, 1, MOMENTS, device=values.device)
        places = share * (lengths[:, None] - 1).clamp_min(0)
        before = places.long()
        after = torch.minimum(before + 1, (lengths[:, None] - 1).clamp_min(0))
        records = torch.arange(values.shape[0], device=values.device)[:, None]
        part = (places - before)[:, :, None]
        moments = (values[records, before] * (1 - part) + values[records, after] * part).flatten(1)
        return Features(torch.arange(self.size, device=values.device).expand_as(moments), moments)
