"""Samples as tokens: each a stretch of them through one linear layer. Knows no modality."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from noria.types import Tokens, lengths_of, real_rows

FRAME = 400  # samples of a token: 25 ms at 16,000 a second


class FrameEmbedder(nn.Module):
    """An array of samples float[B, T] and its lengths -> Tokens [B, ceil(T / FRAME), D]."""

    def __init__(self, name: str, width: int) -> None:
        super().__init__()
        self.name, self.width = name, width
        self.linear = nn.Linear(FRAME, width)

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        samples, lengths = arrays[self.name].float(), arrays[lengths_of(self.name)]
        padded = functional.pad(samples, (0, -samples.shape[1] % FRAME))
        frames = padded.view(len(padded), -1, FRAME)
        is_real = real_rows((lengths + FRAME - 1) // FRAME, frames.shape[1])
        return Tokens(self.linear(frames), is_real)
