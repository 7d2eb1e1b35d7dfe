"""Whether somebody speaks, frame by frame: convolutions over time that look back far and ahead a little.

Each layer sees one token that comes later and many that came before, so what is said of a moment is known AHEAD tokens
after it: see streaming.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.types import Batch, Output, Tokens

KERNEL = 5
DILATIONS = (1, 2, 4, 8)
AHEAD = len(DILATIONS)  # tokens that come later and are looked at
BEHIND = sum((KERNEL - 1) * dilation for dilation in DILATIONS) - AHEAD  # tokens that came before


class SpeechOfFrames(nn.Module):
    """Tokens -> `logits` float[B, T, frames of a token], `frames` int64[B], how many of them are real."""

    def __init__(self, width: int, frames_per_token: int) -> None:
        super().__init__()
        self.frames_per_token = frames_per_token
        self.layers = nn.ModuleList(_Layer(width, dilation) for dilation in DILATIONS)
        self.linear = nn.Linear(width, frames_per_token)

    def forward(self, tokens: Tokens) -> Output:
        features, is_real = tokens.features, tokens.is_real
        if is_real is None:
            is_real = features.new_ones(features.shape[:2], dtype=torch.bool)
        for layer in self.layers:
            features = layer(features, is_real)
        return {"logits": self.linear(features), "frames": is_real.sum(1) * self.frames_per_token}


class _Layer(nn.Module):
    """A convolution over time, channel by channel, then over the channels; what was there is added."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.padding = ((KERNEL - 1) * dilation - 1, 1)  # before, after
        self.normalise = nn.LayerNorm(width)
        self.over_time = nn.Conv1d(width, width, KERNEL, dilation=dilation, groups=width)
        self.over_channels = nn.Linear(width, width)

    def forward(self, features: Tensor, is_real: Tensor) -> Tensor:
        seen = self.normalise(features) * is_real[:, :, None]
        mixed = self.over_time(functional.pad(seen.transpose(1, 2), self.padding)).transpose(1, 2)
        moved: Tensor = features + self.over_channels(functional.gelu(mixed))
        return moved


def speech_loss(output: Output, batch: Batch, hop_s: float) -> dict[str, Tensor]:
    """Return the cross-entropy of each record's frames: true are those that lie in one of its spans."""
    logits = output["logits"].float().flatten(1)
    truth = _is_speech(batch.target["spans"].float(), logits.shape[1], hop_s)
    place = torch.arange(logits.shape[1], device=logits.device)
    is_real = (place < output["frames"][:, None]).float()
    losses = functional.binary_cross_entropy_with_logits(logits, truth.float(), reduction="none")
    each = (losses * is_real).sum(1) / is_real.sum(1).clamp_min(1)
    return {"loss": each.mean(), "each": each}


def _is_speech(spans: Tensor, frames: int, hop_s: float) -> Tensor:
    """Return bool[B, frames] of spans float[B, K, 2]; one that ends where it begins holds no frame."""
    times = hop_s * torch.arange(frames, device=spans.device)
    inside = (times >= spans[..., :1]) & (times < spans[..., 1:])
    return inside.any(1)
