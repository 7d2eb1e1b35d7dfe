"""How far spoken frames are from a recording of the same text: timbre, pitch, pace. Both are laid along one another.

What a listener understands, and whether the tones are right, needs a recogniser: benchmarks/synthesis.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noria.contract import Metric, mean_metric
from noria.sound.distortion import DECIBELS, NUM_COEFFICIENTS, cepstra, warping_path
from noria.types import Arrays, State

SEMITONES = 12  # in an octave


def speech_metrics(state: State) -> Sequence[Metric]:
    """Return the scores of speech: mel-cepstral distortion, pitch error and error of the duration."""
    spread = np.asarray(state["spread"])

    def distortion(output: Arrays, truth: Arrays) -> np.ndarray:
        return _along(output, truth, spread)[0]

    def pitch(output: Arrays, truth: Arrays) -> np.ndarray:
        return np.asarray(SEMITONES * state["pitch_spread"] * _along(output, truth, spread)[1])

    return [
        mean_metric("mel_distortion", "dB", "lower", distortion),
        mean_metric("pitch_error", "semitones", "lower", pitch),
        mean_metric("duration_error", "fraction", "lower", _duration_error),
    ]


def _along(output: Arrays, truth: Arrays, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each record its distortion in dB, and how far the contour is off over voiced frames."""
    count = len(truth["mel"])
    distortions, pitches = np.zeros(count), np.zeros(count)
    assert spread.size >= NUM_COEFFICIENTS
    for i in range(count):
        own, right = (cepstra(np.asarray(one["mel"][i], np.float64) * spread) for one in (output, truth))
        path = warping_path(own, right)
        here, there = path.T
        distortions[i] = DECIBELS * np.sqrt(((own[here] - right[there]) ** 2).sum(1)).mean()
        is_voiced = np.asarray(truth["voiced"][i])[there] > 0
        steps = np.asarray(output["contour"][i])[here] - np.asarray(truth["contour"][i])[there]
        pitches[i] = np.sqrt((steps[is_voiced] ** 2).mean()) if is_voiced.any() else 0.0
    return distortions, pitches


def _duration_error(output: Arrays, truth: Arrays) -> np.ndarray:
    """Return by which fraction of the true duration the speech is too long or too short."""
    lasting = np.array([len(output["mel"][i]) for i in range(len(truth["mel"]))], np.float64)
    return np.asarray(np.abs(lasting / truth["mel"].lengths - 1))
