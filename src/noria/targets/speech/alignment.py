"""Which frames belong to which token: learnt beside the voice, as each token learns its average frame.

Frames go to tokens in order, on the way along which they lie nearest to these averages (Viterbi), and the averages move
to the frames that they were given. At the start a prior near the diagonal shares frames out evenly. A token can only
take what sounds like it: where tokens compete for frames instead, one silence may take all of a short word.
Source: Kim et al. 2020, "Glow-TTS" (monotonic alignment search); the prior: Badlani et al. 2021, "One TTS alignment".
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

SHARPNESS = 8.0  # of the distance to an average frame, beside the prior


class Aligner(nn.Module):
    """tokens float[B, N, D], mel float[B, T, M] -> durations int64[B, N] in frames, and how far the frames are from
    the averages of their tokens, float[B].
    """

    def __init__(self, width: int, num_mels: int) -> None:
        super().__init__()
        self.average = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, num_mels))

    def forward(self, tokens: Tensor, mel: Tensor, num_tokens: Tensor, num_frames: Tensor) -> tuple[Tensor, Tensor]:
        averages = self.average(tokens).float()
        off = torch.cdist(mel, averages).square() / mel.shape[2]
        prior = diagonal(num_tokens, num_frames, mel.shape[1], tokens.shape[1])
        durations = durations_of(prior - SHARPNESS * off, num_tokens, num_frames)
        owner = owners(durations, mel.shape[1])
        own = averages.gather(1, owner[:, :, None].expand(-1, -1, mel.shape[2]))
        is_frame = torch.arange(mel.shape[1], device=mel.device) < num_frames[:, None]
        return durations, ((own - mel).square().mean(2) * is_frame).sum(1) / num_frames


def owners(durations: Tensor, longest: int) -> Tensor:
    """Return the token that each of so many frames belongs to, int64[B, T]; the last one's after the end."""
    place = torch.arange(longest, device=durations.device)
    return (place[None, :, None] >= durations.cumsum(1)[:, None]).sum(2).clamp_max(durations.shape[1] - 1)


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
