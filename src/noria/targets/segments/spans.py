"""From the probability that somebody speaks, frame by frame, to stretches of time.

Hysteresis: a stretch begins where the probability reaches `onset`, and goes on as long as it stays above `offset`.
Short gaps are closed, short stretches left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rule:
    """How frames become spans: thresholds of the probability, least lengths in frames."""

    onset: float
    offset: float
    least_speech: int
    least_silence: int


def runs(is_on: np.ndarray) -> np.ndarray:
    """Return int64[k, 2], where each run of true flags begins and ends (exclusive)."""
    edges = np.diff(np.concatenate([[0], is_on.astype(np.int8), [0]]))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], 1)


def spans_of(probabilities: np.ndarray, rule: Rule) -> np.ndarray:
    """Return int64[k, 2], first frame and end of each stretch in which somebody speaks."""
    found = runs(probabilities > rule.offset)
    peaks = [probabilities[start:end].max() >= rule.onset for start, end in found]
    found = found[np.array(peaks, bool)]
    if len(found):
        is_far = found[1:, 0] - found[:-1, 1] >= rule.least_silence
        found = np.stack([found[np.r_[True, is_far], 0], found[np.r_[is_far, True], 1]], 1)
    return np.asarray(found[found[:, 1] - found[:, 0] >= rule.least_speech])


def frames_of(spans: np.ndarray, count: int, hop_s: float) -> np.ndarray:
    """Return bool[count]: which frames lie in one of the spans float[k, 2], in seconds."""
    times = np.arange(count) * hop_s
    if not len(spans):
        return np.zeros(count, bool)
    return np.asarray(((times >= spans[:, :1]) & (times < spans[:, 1:])).any(0))
