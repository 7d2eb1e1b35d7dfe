"""Log-mel spectra: how loud each of some bands of pitch is, frame by frame.

A frame is centred on every `hop`-th sample, sound beyond the ends counts as silence, so there are 1 + T // hop frames.
A Hann window, zeros up to a power of two, magnitudes, triangles of height 1 that are evenly spaced in mel
(2595 log10(1 + f / 700)), natural logarithm. A test writes the formula out.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

FLOOR = 1e-5  # of a magnitude: what silence is, as in HiFi-GAN
BLOCK = 4096  # frames that are transformed at once, so that an hour takes no more memory than half a minute


@dataclass(frozen=True)
class MelSettings:
    """How a sound becomes frames of bands. `high_hz` None: half of the rate."""

    rate_hz: int
    num_mels: int
    window_s: float = 0.025
    hop_s: float = 0.010
    low_hz: float = 0.0
    high_hz: float | None = None

    @property
    def window(self) -> int:
        """Return the samples of one frame."""
        return max(1, round(self.window_s * self.rate_hz))

    @property
    def hop(self) -> int:
        """Return how many samples a frame begins after the one before."""
        return max(1, round(self.hop_s * self.rate_hz))

    @property
    def transform(self) -> int:
        """Return the length of the Fourier transform: the power of two from twice the window on.

        Twice, so that the narrow triangles of low pitch hold a frequency each.
        """
        return 1 << (2 * self.window - 1).bit_length()

    @property
    def filters(self) -> np.ndarray:
        """Return the filters float32[num_mels, bins] of these settings."""
        return mel_filters(self.rate_hz, self.transform, self.num_mels, self.low_hz, self.high_hz or self.rate_hz / 2)


@functools.lru_cache(maxsize=16)
def mel_filters(rate_hz: int, window: int, num_mels: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Return triangles float32[num_mels, window // 2 + 1] over the frequencies of a transform of `window` samples."""
    frequencies = np.arange(window // 2 + 1) * rate_hz / window
    edges = _hz(np.linspace(_mel(low_hz), _mel(high_hz), num_mels + 2))
    low, peak, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - low) / (peak - low)
    falling = (high - frequencies) / (high - peak)
    filters: np.ndarray = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    filters.flags.writeable = False
    return filters


def log_mel(samples: np.ndarray, settings: MelSettings) -> np.ndarray:
    """Return float32[frames, num_mels] of samples float32[T], T at least 1."""
    blocks = [np.log(np.maximum(magnitudes @ settings.filters.T, FLOOR)) for magnitudes in _blocks(samples, settings)]
    return np.asarray(np.concatenate(blocks), np.float32)


def _blocks(samples: np.ndarray, settings: MelSettings) -> Iterator[np.ndarray]:
    """Yield float32[frames, bins], the magnitudes of so many frames at a time."""
    window, hop = settings.window, settings.hop
    shape = np.hanning(window + 1)[:-1].astype(np.float32)
    padded = np.pad(np.asarray(samples, np.float32), (window // 2, window))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][: 1 + len(samples) // hop]
    for start in range(0, len(frames), BLOCK):
        yield np.abs(np.fft.rfft(frames[start : start + BLOCK] * shape, settings.transform))


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))


def _hz(mel: np.ndarray) -> np.ndarray:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))
