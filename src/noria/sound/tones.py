"""Whether the tones of a tonal language can be heard: a probe on the pitch of a word's last syllable, and nothing else.

It is learnt from natural speech and asked about any other: as it hears only pitch, speech whose pitch was flattened
leaves it at chance, however well its syllables are understood. Read next: pitch.py, flat_pitch.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noria.sound.pitch import filled, pitch_hz

POINTS = 12  # at which a contour is read
ROUNDS, RATE, DECAY = 800, 0.3, 1e-3  # of the gradient descent


def last_contour(samples: np.ndarray, rate_hz: int, num_syllables: int) -> np.ndarray:
    """Return the pitch of a word's last syllable for the probe, float64[POINTS + 2].

    It is the last part of the voiced stretch, by the number of syllables: octaves at POINTS places, those less the
    mean of the word, and how much of the stretch is voiced. Zeros where there is no pitch.
    """
    pitch = pitch_hz(samples, rate_hz)
    voiced = np.flatnonzero(pitch > 0)
    if len(voiced) < 3:
        return np.zeros(POINTS + 2)
    first, end = voiced[0], voiced[-1] + 1
    octaves = np.log2(filled(pitch))[first:end]
    start = round(len(octaves) * (1 - 1 / max(1, num_syllables)))
    last = octaves[start:]
    places = np.linspace(0, len(last) - 1, POINTS)
    found = np.interp(places, np.arange(len(last)), last)
    share = (pitch[first + start : end] > 0).mean()
    return np.concatenate([found - octaves.mean(), [found.mean() - 7.8, share]])


class ToneProbe:
    """Tell which of several tones a contour is: a linear classifier on it, its steps and their squares."""

    def __init__(self, contours: np.ndarray, tones: Sequence[int]) -> None:
        self.tones = sorted(set(tones))
        features = _features(contours)
        self._mean, self._spread = features.mean(0), features.std(0) + 1e-6
        values = self._values(features)
        truth = np.eye(len(self.tones))[[self.tones.index(tone) for tone in tones]]
        self._weights = np.zeros((values.shape[1], len(self.tones)))
        for _ in range(ROUNDS):
            slope = values.T @ (_softmax(values @ self._weights) - truth) / len(values)
            self._weights -= RATE * (slope + DECAY * self._weights)

    def __call__(self, contours: np.ndarray) -> np.ndarray:
        """Return the likeliest tone of each contour, int[n]."""
        best = (self._values(_features(contours)) @ self._weights).argmax(1)
        return np.asarray(np.array(self.tones)[best])

    def _values(self, features: np.ndarray) -> np.ndarray:
        return np.pad((features - self._mean) / self._spread, ((0, 0), (0, 1)), constant_values=1.0)


def _features(contours: np.ndarray) -> np.ndarray:
    steps = np.diff(contours[:, :POINTS], axis=1)
    both = np.concatenate([contours, steps], 1)
    return np.concatenate([both, both**2], 1)


def _softmax(values: np.ndarray) -> np.ndarray:
    chances = np.exp(values - values.max(1, keepdims=True))
    return np.asarray(chances / chances.sum(1, keepdims=True))
