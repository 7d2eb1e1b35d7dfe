"""Tone accuracy: high for speech with tones, at chance once its pitch is flattened, while its spectrum stays."""

from __future__ import annotations

import numpy as np
import pytest

from noria.sound.distortion import mel_distortion
from noria.sound.flat_pitch import with_flat_pitch, without_harmonics
from noria.sound.griffin_lim import mel_to_samples
from noria.sound.mel import MelSettings, log_mel
from noria.sound.pitch import pitch_hz
from noria.sound.tones import ToneProbe, last_contour

RATE = 16_000
SHAPES = {1: (0.0, 0.0), 2: (-0.2, 0.3), 4: (0.3, -0.4)}  # octaves from the middle, at the start and the end


def word(tone, generator):
    """Return a syllable of this tone: eight overtones below two formants, with a hiss before it."""
    count = int(generator.uniform(0.2, 0.3) * RATE)
    octaves = np.linspace(*SHAPES[tone], count) + generator.normal(0, 0.03)
    turns = 2 * np.pi * np.cumsum(220 * 2**octaves) / RATE
    hz = 220 * 2**octaves
    tones = sum(np.exp(-(((part * hz - 700) / 500) ** 2)) * np.sin(part * turns) for part in range(1, 12))
    hiss = 0.02 * generator.normal(size=1_600)
    return np.concatenate([hiss, 0.3 * tones * np.hanning(count) ** 0.3, np.zeros(800)])


@pytest.fixture(scope="module")
def speech():
    generator = np.random.default_rng(0)
    tones = [list(SHAPES)[index % 3] for index in range(90)]
    return [word(tone, generator) for tone in tones], np.array(tones)


def contours(sounds):
    return np.stack([last_contour(samples, RATE, 1) for samples in sounds])


def test_tones_are_heard_in_speech_and_at_chance_where_its_pitch_is_flat(speech):
    sounds, tones = speech
    probe = ToneProbe(contours(sounds[:45]), tones[:45].tolist())
    natural = (probe(contours(sounds[45:])) == tones[45:]).mean()
    flat = (probe(contours([with_flat_pitch(samples, RATE) for samples in sounds[45:]])) == tones[45:]).mean()
    assert natural > 0.9
    assert flat < 0.5  # of three tones


def test_flattening_leaves_nothing_of_the_movement_and_all_of_the_sound(speech):
    settings = MelSettings(RATE, 40)
    for samples in speech[0][:6]:
        flat = with_flat_pitch(samples, RATE)
        pitch = pitch_hz(flat, RATE)
        voiced = pitch[pitch > 0][3:-3]
        assert np.log2(voiced).std() < 0.03
        assert len(flat) == len(samples)
        one, other = (log_mel(sound, settings) for sound in (flat, samples))
        floor = other.max() - 5  # below which lies what is between overtones
        assert mel_distortion(np.maximum(one, floor), np.maximum(other, floor)) < 4


def test_without_harmonics_tones_are_at_chance_and_the_envelope_stays(speech):
    sounds, tones = speech
    settings = MelSettings(RATE, 80)
    probe = ToneProbe(contours(sounds[:45]), tones[:45].tolist())
    mels = [log_mel(samples, settings) for samples in sounds[45:75]]
    whispers = [mel_to_samples(without_harmonics(mel), settings, rounds=8) for mel in mels]
    assert (probe(contours(whispers)) == tones[45:75]).mean() < 0.6  # of three tones
    assert (probe(contours([mel_to_samples(mel, settings, rounds=8) for mel in mels])) == tones[45:75]).mean() > 0.8
    smooth = without_harmonics(mels[0])
    assert smooth.mean(1) == pytest.approx(mels[0].mean(1), abs=1e-3)
    assert without_harmonics(smooth) == pytest.approx(smooth, abs=1e-3)


def test_a_sound_without_pitch_stays_as_it_is():
    assert not last_contour(np.zeros(RATE), RATE, 2).any()
    assert not with_flat_pitch(np.zeros(RATE), RATE).any()


def test_the_last_of_two_syllables_is_what_is_heard():
    generator = np.random.default_rng(1)
    sounds = [np.concatenate([word(first, generator)[:-800], word(2, generator)[1_600:]]) for first in (1, 4)]
    found = [last_contour(samples, RATE, 2) for samples in sounds]
    assert all(one[11] > one[2] + 0.15 for one in found)
