"""Log-mel frames, against the formula written out, in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

from noria.sound.mel import FLOOR, MelSettings, log_mel


def reference(samples: np.ndarray, settings: MelSettings) -> np.ndarray:
    """Return log-mel frames by the definition: a naive Fourier sum, triangles one by one."""
    rate, window = settings.rate_hz, round(settings.window_s * settings.rate_hz)
    hop, size = round(settings.hop_s * rate), settings.transform
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * i / window) for i in range(window)]
    mel_of = [2595 * math.log10(1 + hz / 700) for hz in (0, rate / 2)]
    points = [
        700 * (10 ** ((mel_of[0] + (mel_of[1] - mel_of[0]) * i / (settings.num_mels + 1)) / 2595) - 1)
        for i in range(settings.num_mels + 2)
    ]
    frames = []
    for centre in range(0, len(samples) + 1, hop):
        cut = np.zeros(window)
        for i in range(window):
            place = centre - window // 2 + i
            cut[i] = samples[place] * hann[i] if 0 <= place < len(samples) else 0
        turns = np.arange(size // 2 + 1)[:, None] * np.arange(window) / size
        loud = np.abs((cut * np.exp(-2j * np.pi * turns)).sum(1))
        bands = []
        for low, peak, high in zip(points, points[1:], points[2:], strict=False):
            hz = np.arange(size // 2 + 1) * rate / size
            weights = np.clip(np.minimum((hz - low) / (peak - low), (high - hz) / (high - peak)), 0, None)
            bands.append(math.log(max(FLOOR, float(weights @ loud))))
        frames.append(bands)
    return np.array(frames)


@pytest.mark.parametrize("settings", [MelSettings(8_000, 20), MelSettings(11_025, 13, 0.02, 0.0125)])
def test_log_mel_is_what_the_formula_says(settings):
    generator = np.random.default_rng(0)
    samples = (0.3 * np.sin(np.arange(1_000) / 4) + 0.05 * generator.normal(size=1_000)).astype(np.float32)
    assert np.abs(log_mel(samples, settings) - reference(samples, settings)).max() < 1e-3


@pytest.mark.parametrize("count", [1, 79, 80, 81, 800])
def test_there_is_a_frame_for_every_hop_and_one_more(count):
    assert log_mel(np.ones(count, np.float32), MelSettings(8_000, 20)).shape == (1 + count // 80, 20)


def test_silence_is_the_floor():
    assert np.all(log_mel(np.zeros(500, np.float32), MelSettings(16_000, 64)) == np.float32(math.log(FLOOR)))


def test_every_band_hears_some_frequency():
    for rate_hz, num_mels in ((8_000, 80), (16_000, 128), (48_000, 128)):
        assert MelSettings(rate_hz, num_mels).filters.sum(1).min() > 0


def test_blocks_of_frames_leave_no_trace(monkeypatch):
    samples = np.random.default_rng(0).normal(size=3_000).astype(np.float32)
    whole = log_mel(samples, MelSettings(8_000, 20))
    monkeypatch.setattr("noria.sound.mel.BLOCK", 7)
    np.testing.assert_allclose(log_mel(samples, MelSettings(8_000, 20)), whole, atol=1e-5)
