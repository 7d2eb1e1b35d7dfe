"""A sound from its log-mel spectrogram without a network: the phases that fit together best.

Sources: Griffin and Lim 1984; Perraudin et al. 2013, "A fast Griffin-Lim algorithm" (momentum). The honest default
where no vocoder was trained: every word can be made out, the voice sounds hollow. Read next: mel.py.
"""

from __future__ import annotations

import numpy as np

from noria.sound.mel import FLOOR, MelSettings
from noria.sound.overlap import overlapped

ROUNDS = 32  # more lower the error by a hundredth
MOMENTUM = 0.99  # Perraudin et al.
MEL_ROUNDS = 30  # of the search for magnitudes that have these mel bands


def mel_to_samples(mel: np.ndarray, settings: MelSettings, rounds: int = ROUNDS) -> np.ndarray:
    """Return samples float32[(frames - 1) * hop] within [-1, 1] from log-mel frames float[frames, num_mels]."""
    if len(mel) < 2:
        return np.zeros(0, np.float32)
    magnitudes = magnitudes_of(np.exp(np.asarray(mel, np.float64)) - FLOOR, settings.filters)
    window = np.hanning(settings.window + 1)[:-1]
    return np.asarray(np.clip(griffin_lim(magnitudes, window, settings.hop, rounds), -1, 1))


def griffin_lim(magnitudes: np.ndarray, window: np.ndarray, hop: int, rounds: int = ROUNDS) -> np.ndarray:
    """Return samples float32[(frames - 1) * hop] whose short-time spectra have these magnitudes, float[frames, bins].

    Frames are centred; window: float[W], of the analysis, in the middle of 2 * (bins - 1) samples. The same answer from
    the same magnitudes.
    """
    size = 2 * (magnitudes.shape[1] - 1)
    own = np.zeros(size)
    start = (size - len(window)) // 2
    own[start : start + len(window)] = window
    own, magnitudes = own.astype(np.float32), magnitudes.astype(np.float32)
    turns = np.random.default_rng(0).uniform(-np.pi, np.pi, magnitudes.shape).astype(np.float32)
    spectra = magnitudes * np.exp(np.complex64(1j) * turns)
    before = np.zeros_like(spectra)
    for _ in range(rounds):
        fitting = _spectra(_joined(spectra, own, hop), own, hop)
        moved = fitting + MOMENTUM * (fitting - before)
        before = fitting
        spectra = magnitudes * moved / np.maximum(np.abs(moved), np.float32(1e-12))
    whole = _joined(spectra, own, hop)
    return np.asarray(whole[size // 2 : size // 2 + (len(magnitudes) - 1) * hop], np.float32)


def magnitudes_of(mel: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Return magnitudes float64[frames, bins], none below zero, whose mel bands are nearest to `mel`, float[frames, M].

    filters: float[M, bins], what makes bands of magnitudes. By multiplicative updates (Lee and Seung 2001).
    """
    weights = np.asarray(filters, np.float64)
    bands = np.maximum(np.asarray(mel, np.float64), 0.0)
    found = np.maximum(bands @ np.linalg.pinv(weights).T, 1e-6)
    wanted = bands @ weights
    for _ in range(MEL_ROUNDS):
        found *= wanted / np.maximum(found @ weights.T @ weights, 1e-12)
    return np.asarray(found)


def _joined(spectra: np.ndarray, window: np.ndarray, hop: int) -> np.ndarray:
    """Return the samples that spectra overlap to, half a window before the first centre on."""
    frames = np.fft.irfft(spectra, len(window), 1) * window
    weight = overlapped(np.broadcast_to(window**2, frames.shape), hop)
    return np.asarray(overlapped(frames, hop) / np.maximum(weight, 1e-2 * weight.max()))


def _spectra(samples: np.ndarray, window: np.ndarray, hop: int) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(samples, len(window))[::hop]
    return np.asarray(np.fft.rfft(frames * window, len(window), 1))
