"""How far one sound is from another that may be faster or slower: both are laid along one another first.

Mel-cepstral distortion: Kubichek 1993; along the best path of dynamic time warping, as Battenberg et al. 2020
("Location-relative attention mechanisms") report it. Here from log-mel frames, coefficients 1 to 13, so that figures
are comparable among voices that are measured here, and not with those of other spectra.
"""

from __future__ import annotations

import functools

import numpy as np

NUM_COEFFICIENTS = 13
DECIBELS = 10 * np.sqrt(2) / np.log(10)


def cepstra(mel: np.ndarray) -> np.ndarray:
    """Return the mel cepstra float64[frames, 13] of log-mel frames, without the first: loudness does not count."""
    return np.asarray(np.asarray(mel, np.float64) @ _cosines(mel.shape[1]))


def warping_path(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the cheapest way through both, int[steps, 2]: which frames of float[T, D] and float[U, D] belong together.

    Each step goes on by one frame in either or in both; Euclidean distances are added up.
    """
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    costs = np.sqrt(np.maximum(squares, 0))
    total = np.full((len(one) + 1, len(other) + 1), np.inf)
    total[0, 0] = 0
    for diagonal in range(2, len(one) + len(other) + 1):  # all cells of a diagonal at once
        rows = np.arange(max(1, diagonal - len(other)), min(len(one), diagonal - 1) + 1)
        columns = diagonal - rows
        before = np.minimum(
            total[rows - 1, columns - 1], np.minimum(total[rows - 1, columns], total[rows, columns - 1])
        )
        total[rows, columns] = costs[rows - 1, columns - 1] + before
    row, column = len(one), len(other)
    path = []
    while row and column:
        path.append((row - 1, column - 1))
        steps = ((row - 1, column - 1), (row - 1, column), (row, column - 1))
        row, column = min(steps, key=lambda step: total[step])
    return np.array(path[::-1])


def mel_distortion(one: np.ndarray, other: np.ndarray, path: np.ndarray | None = None) -> float:
    """Return the mel-cepstral distortion in dB of two sounds, from their log-mel frames."""
    own, right = cepstra(one), cepstra(other)
    path = warping_path(own, right) if path is None else path
    steps = own[path[:, 0]] - right[path[:, 1]]
    return float(DECIBELS * np.sqrt((steps**2).sum(1)).mean())


@functools.lru_cache(maxsize=8)
def _cosines(num_mels: int) -> np.ndarray:
    """Return the cosine series float64[num_mels, 13], scaled so that the distortion is a mean square in dB."""
    places = (np.arange(num_mels) + 0.5)[:, None] * np.arange(1, NUM_COEFFICIENTS + 1)
    return np.asarray(2 / num_mels * np.cos(np.pi * places / num_mels))
