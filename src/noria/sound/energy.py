"""Where a clean recording is loud: what counts as speech where nobody has said it."""

from __future__ import annotations

import numpy as np

from noria.sound.sound import Sound

FRAME_S, HOP_S = 0.025, 0.010
LONGEST_GAP_S = 0.25  # within one stretch: a stop consonant, a breath
EDGE_S = 0.03  # before and after, as speech begins and ends more quietly than it is
SHORTEST_S = 0.05  # of a stretch: a click is no speech


def loud_spans(sound: Sound, range_db: float) -> list[list[float]]:
    """Return [start_s, end_s] of the stretches within `range_db` of the loudest frame; none of a silent sound."""
    levels = _levels_db(sound)
    if not len(levels) or not np.isfinite(levels.max()):
        return []
    places = np.flatnonzero(levels > levels.max() - range_db)
    ends = np.flatnonzero(np.diff(places) * HOP_S > LONGEST_GAP_S)
    firsts, lasts = places[np.r_[0, ends + 1]], places[np.r_[ends, len(places) - 1]]
    is_long = (lasts - firsts + 1) * HOP_S >= SHORTEST_S
    spans = np.stack([firsts * HOP_S - EDGE_S, lasts * HOP_S + HOP_S + EDGE_S], 1)[is_long].clip(0, sound.duration_s)
    return [[round(float(start), 3), round(float(end), 3)] for start, end in spans]


def _levels_db(sound: Sound) -> np.ndarray:
    """Return how loud each frame is, in decibels, float[frames]; -inf where there is nothing."""
    window, hop = max(1, round(FRAME_S * sound.rate_hz)), max(1, round(HOP_S * sound.rate_hz))
    padded = np.pad(sound.samples.astype(np.float64), (window // 2, window))
    sums = np.concatenate([[0.0], np.cumsum(padded**2)])
    starts = np.arange(0, 1 + len(sound.samples) // hop) * hop
    power = np.maximum(sums[starts + window] - sums[starts], 0) / window
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(np.where(power > 1e-12, power, 0)))
