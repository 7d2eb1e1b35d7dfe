"""Pitch: of tones whose pitch is known."""

from __future__ import annotations

import numpy as np
import pytest

from noria.sound.pitch import filled, pitch_hz

RATE = 16_000


def voice(hz):
    """Return a sound with eight overtones whose pitch is hz, float[T] or one number."""
    turns = 2 * np.pi * np.cumsum(np.broadcast_to(hz, RATE // 2)) / RATE
    return sum(np.sin(part * turns) / part for part in range(1, 9)) * 0.2


@pytest.mark.parametrize("hz", [75, 110, 220, 330, 470])
def test_the_pitch_of_a_steady_voice_is_found_to_a_percent(hz):
    found = pitch_hz(voice(hz), RATE)[3:-3]
    assert np.abs(found / hz - 1).max() < 0.01


def test_a_frame_lies_at_every_hop_as_in_a_spectrogram():
    assert len(pitch_hz(voice(200)[:1599], RATE)) == 1 + 1599 // 160
    assert len(pitch_hz(voice(200)[:1600], RATE)) == 1 + 1600 // 160
    assert len(pitch_hz(np.zeros(1), RATE)) == 1


def test_a_rising_and_a_falling_voice_are_followed():
    hz = np.linspace(150, 300, RATE // 2)
    for given in (hz, hz[::-1]):
        found = pitch_hz(voice(given), RATE)
        true = given[:: RATE // 100][: len(found)]
        assert np.abs(found[3:-4] / true[3 : len(found) - 4] - 1).max() < 0.03


def test_noise_and_silence_have_no_pitch():
    noise = np.random.default_rng(0).normal(size=RATE // 2)
    assert (pitch_hz(noise, RATE) > 0).mean() < 0.1
    assert not pitch_hz(np.zeros(RATE), RATE).any()


def test_the_first_overtone_is_not_taken_for_the_pitch():
    turns = 2 * np.pi * 150 * np.arange(RATE // 2) / RATE
    found = pitch_hz(0.1 * np.sin(turns) + 0.3 * np.sin(2 * turns), RATE)[3:-3]
    assert np.abs(found / 150 - 1).max() < 0.02


def test_gaps_of_a_contour_are_filled_in_octaves():
    given = np.array([0, 100, 0, 400, 0], np.float32)
    assert np.allclose(filled(given), [100, 100, 200, 400, 400])
    assert not filled(np.zeros(4)).any()
