"""A sound as a few numbers, for a linear model or a nearest template: cepstra, over all of it and at a few moments.

Read next: modalities/audio/embedder.py.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from noria.modalities.audio.arrays import LENGTHS, MEL
from noria.types import Features, State, real_rows

CEPSTRA = 20  # coefficients of the cosine transform of a frame, as in most recognisers before neural ones
MOMENTS = 12  # at which they are read, from the first frame to the last


class AudioVectorizer(nn.Module):
    """`mel` float[B, T, num_mels] and its lengths -> Features: mean and spread of cepstra, then those at MOMENTS."""

    is_counts = False
    mean: Tensor
    spread: Tensor
    cosines: Tensor

    def __init__(self, state: State) -> None:
        super().__init__()
        for name in ("mean", "spread"):
            self.register_buffer(name, torch.tensor(state[name], dtype=torch.float32), persistent=False)
        bands = len(state["mean"])
        count = min(CEPSTRA, bands)
        angles = math.pi / bands * (torch.arange(bands)[:, None] + 0.5) * torch.arange(count)
        self.register_buffer("cosines", angles.cos() / math.sqrt(bands), persistent=False)
        self.size = (2 + MOMENTS) * count
        self.plain = self.size

    def forward(self, arrays: dict[str, Tensor]) -> Features:
        cepstra = ((arrays[MEL].float() - self.mean) / self.spread) @ self.cosines  # [B, T, count]
        lengths = arrays[LENGTHS]
        weights = real_rows(lengths, cepstra.shape[1])[:, :, None] / lengths[:, None, None]
        mean = (cepstra * weights).sum(1)
        spread = ((cepstra - mean[:, None]) ** 2 * weights).sum(1).sqrt()
        places = torch.linspace(0, 1, MOMENTS, device=cepstra.device) * (lengths[:, None] - 1)
        rows = torch.arange(len(cepstra), device=cepstra.device)[:, None]
        moments = cepstra[rows, places.round().long()].flatten(1)
        values = torch.cat([mean, spread, moments], 1)
        return Features(torch.arange(self.size, device=values.device).expand_as(values), values)
