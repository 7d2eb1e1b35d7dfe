"""From frames to samples: convolution blocks that give a spectrum for each frame; these are turned back and overlapped.

A spectrum says how loud each frequency is and at which phase; four frames overlap at every sample. Source: Siuzdak
2023, "Vocos: Closing the gap between time-domain and Fourier-based neural vocoders"; learnt here by spectra alone,
without discriminators (Yamamoto et al. 2020, "Parallel WaveGAN", has the loss).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.model.layers.convnext import KERNEL, ConvNextBlock
from noria.types import Output, Tokens

OVERLAP = 4  # frames at each sample
WINDOWS_AT_ONCE = OVERLAP * 3 / 8  # what four squared Hann windows add up to, as hann and its mean say
LOUDEST = 5.0  # logarithm of the largest magnitude, so that an untrained network stays finite
RESOLUTIONS = ((256, 64), (512, 128), (1024, 256), (2048, 400))  # transform and hop of the loss, in samples
QUIETEST = 1e-4  # magnitude that counts as silence in the loss


class WaveformHead(nn.Module):
    """Tokens, one a frame -> `loudness` and `phase` float[B, T, bins], and `frames` int64[B], how many are real."""

    def __init__(self, width: int, hop: int, num_blocks: int, expansion: int) -> None:
        super().__init__()
        self.before = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2)
        self.first_norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(ConvNextBlock(width, expansion, num_blocks=num_blocks) for _ in range(num_blocks))
        self.last_norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, OVERLAP * hop + 2)

    def forward(self, tokens: Tokens) -> Output:
        features, is_real = tokens.features, tokens.is_real
        if is_real is not None:
            features = features * is_real[:, :, None]
        features = self.first_norm(self.before(features.transpose(1, 2)).transpose(1, 2))
        if is_real is not None:
            features = features * is_real[:, :, None]
        for block in self.blocks:
            features = block(features, is_real)
        loudness, phase = self.linear(self.last_norm(features)).float().chunk(2, -1)
        whole = features.new_full((len(features),), features.shape[1], dtype=torch.int64)
        frames = whole if is_real is None else is_real.sum(1)
        return {"loudness": loudness.clamp_max(LOUDEST), "phase": phase, "frames": frames}


def samples_of(output: Output) -> Tensor:
    """Return the samples float[B, T - 1, hop] between the first frame's centre and the last one's; zero beyond."""
    spectra = torch.polar(output["loudness"].exp(), output["phase"])
    size = 2 * (spectra.shape[2] - 1)
    is_real = torch.arange(spectra.shape[1], device=spectra.device) < output["frames"][:, None]
    frames = torch.fft.irfft(spectra, size, -1) * torch.hann_window(size, device=spectra.device)
    parts = (frames * is_real[:, :, None]).unflatten(
        2, (OVERLAP, size // OVERLAP)
    )  # part i: i - 2 hops from its centre
    padded = functional.pad(parts, (0, 0, 0, 0, OVERLAP, OVERLAP))
    count, middle = frames.shape[1] - 1, OVERLAP // 2
    rows = [padded[:, OVERLAP + middle - i : OVERLAP + middle - i + count, i] for i in range(OVERLAP)]
    return torch.stack(rows).sum(0) / WINDOWS_AT_ONCE * is_real[:, 1:, None]


def spectral_loss(given: Tensor, truth: Tensor, hops: Tensor) -> Tensor:
    """Return for each record how far its spectra are off, float[B]: relative to the record, and in logarithms.

    given, truth: float[B, T, hop]; hops int64[B], how many rows are real; both are zero beyond.
    """
    count, _, hop = truth.shape
    is_real = torch.arange(truth.shape[1], device=hops.device) < hops[:, None]
    given = (given * is_real[:, :, None]).reshape(count, -1)
    truth = (truth * is_real[:, :, None]).reshape(count, -1)
    each = given.new_zeros(count)
    for size, step in RESOLUTIONS:
        own, right = _magnitudes(given, size, step), _magnitudes(truth, size, step)
        off = (own - right).flatten(1).norm(dim=1) / right.flatten(1).norm(dim=1)
        num_values = own.shape[1] * (hops * hop / step).clamp_min(1)
        each = each + off + (own.log() - right.log()).abs().sum((1, 2)) / num_values
    return each / len(RESOLUTIONS)


def _magnitudes(samples: Tensor, size: int, step: int) -> Tensor:
    window = torch.hann_window(size, device=samples.device)
    spectra = torch.stft(samples, size, step, size, window, center=True, pad_mode="constant", return_complex=True)
    return spectra.abs().clamp_min(QUIETEST)
