"""Which frames belong to which token: learnt beside the voice, by the sum over all ways of reading in order.

Every token takes one frame or more, in order, so what is found are durations, not peaks: CTC with its blanks would not
do. Source: Badlani et al. 2021, "One TTS alignment to rule them all" (forward sum, prior near the diagonal, Viterbi).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

KEY = 64  # numbers that tokens and frames are compared by
SHARPNESS = 0.1  # of the comparison at the start
BLANK = -1.0  # logarithm beside the tokens, which the sum needs as a symbol and no path takes


class Aligner(nn.Module):
    """tokens float[B, N, D], mel float[B, T, M] -> logarithms float[B, T, N] of how likely a frame is of each token."""

    def __init__(self, width: int, num_mels: int) -> None:
        super().__init__()
        self.keys = nn.Linear(width, KEY)
        self.frames = nn.Sequential(
            nn.Conv1d(num_mels, 2 * KEY, 3, padding=1), nn.ReLU(), nn.Conv1d(2 * KEY, KEY, 3, padding=1)
        )

    def forward(self, tokens: Tensor, mel: Tensor, num_tokens: Tensor, num_frames: Tensor) -> Tensor:
        keys = self.keys(tokens)
        frames = self.frames(mel.transpose(1, 2)).transpose(1, 2)
        likeness = -SHARPNESS * torch.cdist(frames.float(), keys.float()).square()
        is_token = torch.arange(tokens.shape[1], device=tokens.device) < num_tokens[:, None]
        scores = likeness.masked_fill(~is_token[:, None], -torch.inf).log_softmax(-1)
        return scores.clamp_min(-1e4) + diagonal(num_tokens, num_frames, mel.shape[1], tokens.shape[1])


def diagonal(num_tokens: Tensor, num_frames: Tensor, longest: int, most_tokens: int) -> Tensor:
    """Return logarithms float[B, T, N] that favour reading at an even pace: a beta-binomial over the tokens."""
    frame = torch.arange(1, longest + 1, device=num_tokens.device, dtype=torch.float32)[None, :, None]
    token = torch.arange(most_tokens, device=num_tokens.device, dtype=torch.float32)[None, None]
    count = (num_tokens - 1).clamp_min(1)[:, None, None].float()
    total = num_frames[:, None, None].float()
    a, b = frame, (total - frame + 1).clamp_min(1)
    rest = (count - token).clamp_min(0)
    ways = torch.lgamma(count + 1) - torch.lgamma(token + 1) - torch.lgamma(rest + 1)
    logarithms = ways + _log_beta(token + a, rest + b) - _log_beta(a, b)
    is_token = token < num_tokens[:, None, None]
    return torch.where(is_token, logarithms, torch.full_like(logarithms, -1e4))


def _log_beta(a: Tensor, b: Tensor) -> Tensor:
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


def forward_sum(logarithms: Tensor, num_tokens: Tensor, num_frames: Tensor) -> Tensor:
    """Return for each record how unlikely all ways of reading in order are together, for each frame: float[B]."""
    padded = functional.pad(logarithms, (1, 0), value=BLANK).log_softmax(-1)
    targets = torch.arange(1, logarithms.shape[2] + 1, device=padded.device).expand(len(padded), -1)
    total = functional.ctc_loss(
        padded.transpose(0, 1), targets, num_frames, num_tokens, blank=0, reduction="none", zero_infinity=True
    )
    return total / num_frames


def durations_of(logarithms: Tensor, num_tokens: Tensor, num_frames: Tensor) -> Tensor:
    """Return how many frames each token takes on the likeliest way, int64[B, N]; one at least of each real token."""
    values = logarithms.detach().float().cpu().numpy().astype(np.float64)
    tokens, frames = num_tokens.cpu().numpy(), num_frames.cpu().numpy()
    found = np.zeros((len(values), values.shape[2]), np.int64)
    best = np.full((len(values), values.shape[2]), -np.inf)
    best[:, 0] = values[:, 0, 0]
    is_moved = np.zeros(values.shape, bool)  # whether the token before was left at this frame
    for frame in range(1, values.shape[1]):
        before = np.pad(best[:, :-1], ((0, 0), (1, 0)), constant_values=-np.inf)
        is_moved[:, frame] = before > best
        best = np.maximum(before, best) + values[:, frame]
    for row in range(len(values)):
        token = int(tokens[row]) - 1
        for frame in range(int(frames[row]) - 1, -1, -1):
            found[row, token] += 1
            token -= bool(is_moved[row, frame, token]) and token > 0
    return torch.from_numpy(found).to(logarithms.device)
