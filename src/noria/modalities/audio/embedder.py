"""From log-mel frames to tokens: convolutions over time and pitch that halve both, then a linear layer.

Frames beyond a sound's end are zero before every convolution, and each moment is normalised by itself, so that a sound
gives the same tokens alone and beside longer ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.modalities.audio.arrays import LENGTHS, MEL
from noria.modalities.audio.settings import AudioSettings
from noria.types import State, Tokens, real_rows

TIME_STRIDES = {1: (1, 1), 2: (2, 1), 4: (2, 2), 8: (2, 2, 2)}  # of the convolutions, by frames per token


class AudioEmbedder(nn.Module):
    """`mel` float[B, T, num_mels] and its lengths -> Tokens [B, ceil(T / subsampling), D]."""

    mean: Tensor
    spread: Tensor

    def __init__(self, settings: AudioSettings, state: State, width: int) -> None:
        super().__init__()
        for name in ("mean", "spread"):
            self.register_buffer(name, torch.tensor(state[name], dtype=torch.float32), persistent=False)
        strides = TIME_STRIDES[settings.subsampling]
        channels, bands = 1, settings.num_mels
        self.blocks = nn.ModuleList()
        for stride in strides:
            bands = -(-bands // 2)
            self.blocks.append(_Block(channels, settings.channels, bands, stride))
            channels = settings.channels
        self.linear = nn.Linear(channels * bands, width)
        self.dropout = nn.Dropout(settings.dropout)
        self.width = width

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        values = (arrays[MEL].float() - self.mean) / self.spread
        lengths = arrays[LENGTHS]
        features, is_real = values[:, None], real_rows(lengths, values.shape[1])  # [B, channels, T, bands]
        for block in self.blocks:
            features, is_real = block(features, is_real)
        tokens = self.linear(features.transpose(1, 2).flatten(2))
        return Tokens(self.dropout(tokens), is_real)


class _Block(nn.Module):
    """Convolution, normalisation of each moment, activation; `stride` in time, 2 in pitch."""

    def __init__(self, channels: int, width: int, bands: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.convolution = nn.Conv2d(channels, width, 3, (stride, 2), padding=1, bias=False)
        self.normalise = nn.LayerNorm([width, bands])

    def forward(self, features: Tensor, is_real: Tensor) -> tuple[Tensor, Tensor]:
        features = self.convolution(features * is_real[:, None, :, None])
        features = self.normalise(features.transpose(1, 2)).transpose(1, 2)
        return functional.gelu(features), is_real[:, :: self.stride]
