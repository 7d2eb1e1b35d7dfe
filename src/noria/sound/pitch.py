"""How high a voice is, frame by frame: the fundamental frequency by YIN.

Source: de Cheveigné and Kawahara 2002, "YIN, a fundamental frequency estimator for speech and music". Frames are those
of the log-mel spectrogram: one every hop, centred, 1 + samples // hop in all. Read next: mel.py.
"""

from __future__ import annotations

import numpy as np

WINDOW_S = 0.025  # over which a frame is compared with itself moved on
DIP = 0.15  # the first lag whose difference dips below it is the period (0.1 to 0.15 in the paper)
MOST_APERIODIC = 0.35  # beyond which a frame has no pitch: breath, hiss, silence
QUIET = 0.02  # of the loudest frame, below which a frame is silence
FRAMES_AT_ONCE = 4096  # a few MB of memory
CHANGE = 1.25  # how far a frame may be from the median of its neighbours; an octave is 2


def pitch_hz(
    samples: np.ndarray, rate_hz: int, hop_s: float = 0.01, low_hz: float = 60.0, high_hz: float = 500.0
) -> np.ndarray:
    """Return the pitch of each frame, float32[frames]; 0 where there is none.

    samples: float[T]. low_hz, high_hz: the range that is looked for, that of speaking voices.

    >>> tone = np.sin(2 * np.pi * 220 * np.arange(16000) / 16000)
    >>> round(float(np.median(pitch_hz(tone, 16000))))
    220
    """
    hop, window = round(hop_s * rate_hz), round(WINDOW_S * rate_hz)
    longest = int(rate_hz / low_hz) + 1
    span = window + longest
    padded = np.pad(np.asarray(samples, np.float64), (span // 2, span))
    frames = np.lib.stride_tricks.sliding_window_view(padded, span)[: len(samples) + 1 : hop]
    parts = [
        _pitches(frames[start : start + FRAMES_AT_ONCE], window, int(rate_hz / high_hz))
        for start in range(0, len(frames), FRAMES_AT_ONCE)
    ]
    periods = np.concatenate([part[0] for part in parts])
    loud = np.concatenate([part[1] for part in parts])
    is_silent = loud <= QUIET * loud.max(initial=0.0)
    found = np.where((periods > 0) & ~is_silent, rate_hz / np.maximum(periods, 1.0), 0.0)
    return _without_jumps(found).astype(np.float32)


def filled(pitch: np.ndarray) -> np.ndarray:
    """Return a pitch contour without gaps, float32[frames]: straight lines between voiced frames, in octaves.

    All zeros where no frame is voiced.
    """
    voiced = np.flatnonzero(pitch > 0)
    if not len(voiced):
        return np.zeros(len(pitch), np.float32)
    octaves = np.interp(np.arange(len(pitch)), voiced, np.log2(pitch[voiced]))
    return np.asarray(np.exp2(octaves), np.float32)


def _pitches(frames: np.ndarray, window: int, shortest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the period of each frame in samples, 0 where it has none, and how loud it is."""
    differences = _differences(frames, window)
    lags = np.arange(1, differences.shape[1])
    sums = np.maximum(differences[:, 1:].cumsum(1), 1e-12)
    normal = np.concatenate([np.ones((len(frames), 1)), differences[:, 1:] * lags / sums], 1)
    normal[:, :shortest] = 2.0  # which is no dip: such a lag is of no voice
    inner = normal[:, 1:-1]
    is_dip = (inner <= normal[:, :-2]) & (inner <= normal[:, 2:])
    is_first = is_dip & (inner < DIP)
    best = np.where(is_dip, inner, np.inf).argmin(1)
    lag = np.where(is_first.any(1), is_first.argmax(1), best) + 1
    rows = np.arange(len(frames))
    is_voiced = normal[rows, lag] < MOST_APERIODIC
    before, here, after = (normal[rows, lag + step] for step in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.where(bend > 1e-12, (before - after) / (2 * np.maximum(bend, 1e-12)), 0.0)
    loud = np.sqrt((frames[:, :window] ** 2).mean(1))
    return np.where(is_voiced, lag + np.clip(shift, -1, 1), 0.0), loud


def _differences(frames: np.ndarray, window: int) -> np.ndarray:
    """Return the squared difference between the start of each frame and itself moved on, float64[n, lags]."""
    size = 1 << (frames.shape[1] + window - 1).bit_length()
    whole, start = np.fft.rfft(frames, size), np.fft.rfft(frames[:, :window], size)
    lags = frames.shape[1] - window
    products = np.fft.irfft(whole * start.conj(), size)[:, :lags]
    energy = np.concatenate([np.zeros((len(frames), 1)), (frames**2).cumsum(1)], 1)
    moved = energy[:, window : window + lags] - energy[:, :lags]
    return np.asarray(np.maximum(moved[:, :1] + moved - 2 * products, 0.0))


def _without_jumps(pitch: np.ndarray) -> np.ndarray:
    """Return the contour without single frames that leave their voiced neighbours: octave errors."""
    if len(pitch) < 5:
        return pitch
    around = np.lib.stride_tricks.sliding_window_view(np.pad(pitch, 2), 5)
    voiced = np.where(around > 0, around, np.nan)
    is_alone = (around > 0).sum(1) < 3
    voiced[is_alone] = 1.0  # so that no row is empty; such frames lose their pitch below
    middle = np.nanmedian(voiced, 1)
    is_far = np.abs(np.log2(np.maximum(pitch, 1.0) / middle)) > np.log2(CHANGE)
    return np.where((pitch > 0) & ~is_alone, np.where(is_far, middle, pitch), 0.0)
