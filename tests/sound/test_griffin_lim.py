"""Sounds from spectrograms: what comes out has the spectrogram that went in."""

from __future__ import annotations

import numpy as np

from noria.sound.griffin_lim import griffin_lim, magnitudes_of, mel_to_samples
from noria.sound.mel import MelSettings, log_mel
from noria.sound.overlap import overlapped
from noria.sound.pitch import pitch_hz

SETTINGS = MelSettings(16_000, 80)


def hum(hz=220.0, count=8_000):
    turns = 2 * np.pi * hz * np.arange(count) / 16_000
    return sum(np.sin(part * turns) / part for part in range(1, 9)) * 0.2 * np.hanning(count)


def test_a_sound_keeps_its_spectrogram_and_its_pitch():
    samples = hum()
    mel = log_mel(samples, SETTINGS)
    back = mel_to_samples(mel, SETTINGS)
    assert len(back) == (len(mel) - 1) * SETTINGS.hop
    is_loud = mel > mel.max() - 5
    assert np.abs(log_mel(back, SETTINGS) - mel)[is_loud].mean() < 0.2
    voiced = pitch_hz(back, 16_000)[15:35]
    assert np.abs(voiced / 220 - 1).max() < 0.03


def test_the_same_frames_give_the_same_samples():
    mel = log_mel(hum(), SETTINGS)
    assert np.array_equal(mel_to_samples(mel, SETTINGS), mel_to_samples(mel, SETTINGS))


def test_more_rounds_fit_better():
    mel = log_mel(hum(), SETTINGS)
    off = [np.abs(log_mel(mel_to_samples(mel, SETTINGS, rounds), SETTINGS) - mel).mean() for rounds in (1, 30)]
    assert off[1] < off[0]


def test_magnitudes_are_not_below_zero_and_have_the_bands_that_were_asked_for():
    given = np.random.default_rng(0).uniform(0, 1, (4, SETTINGS.transform // 2 + 1))
    bands = given @ SETTINGS.filters.T
    found = magnitudes_of(bands, SETTINGS.filters)
    assert found.min() >= 0
    assert np.abs(found @ SETTINGS.filters.T / bands - 1).max() < 0.05


def test_silence_and_a_single_frame_are_no_error():
    assert not mel_to_samples(np.full((5, 80), np.log(1e-5)), SETTINGS).any()
    assert len(mel_to_samples(np.zeros((1, 80)), SETTINGS)) == 0


def test_frames_overlap_as_if_they_were_added_one_by_one():
    frames = np.random.default_rng(0).normal(size=(7, 10))
    one_by_one = np.zeros(6 * 3 + 10)
    for index, frame in enumerate(frames):
        one_by_one[3 * index : 3 * index + 10] += frame
    assert np.allclose(overlapped(frames, 3), one_by_one)


def test_overlapping_windows_give_a_sound_back():
    window = np.hanning(401)[:-1]
    magnitudes = np.abs(np.fft.rfft(np.eye(512)[:3] * 0))
    assert not griffin_lim(magnitudes, window, 160).any()
