"""Forced alignment: when each unit of a known transcript is said, from a recogniser's log-probabilities.

    frames        0 1 2 3 4 5 6 7
    best path     . . n n . i . .      n: 2 to 4, i: 5 to 6 (ends are exclusive)

The best path of CTC through unit, blank, unit, ... (Graves et al. 2006, "Connectionist Temporal Classification"). Pure
functions of NumPy arrays, for whoever needs durations; knows no model and no text.
"""

from __future__ import annotations

import numpy as np

BLANK = 0


def frames_needed(ids: np.ndarray) -> int:
    """Return how many frames a transcript takes at least: one a unit, and a blank between two that are equal."""
    return len(ids) + int((ids[1:] == ids[:-1]).sum())


def align(log_probs: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return first frame and end of each unit on the best path, int64[N, 2].

    log_probs float[T, units], natural logarithms; ids int[N], none of them the blank. Raises ValueError where there
    are fewer frames than the transcript needs. Time and memory grow with T * N.
    """
    ids = np.asarray(ids, np.int64)
    num_frames, needed = len(log_probs), frames_needed(ids)
    if num_frames < needed:
        raise ValueError(f"{len(ids)} units need {needed} frames, and there are {num_frames}")
    if not len(ids):
        return np.zeros((0, 2), np.int64)
    path = _best_path(np.asarray(log_probs, np.float64), _with_blanks(ids))
    spans = np.zeros((len(ids), 2), np.int64)
    for index in range(len(ids)):
        (frames,) = np.nonzero(path == 2 * index + 1)
        spans[index] = frames[0], frames[-1] + 1
    return spans


def shared_out(spans: np.ndarray, num_frames: int) -> np.ndarray:
    """Return spans int64[N, 2] that follow one another without a gap, from 0 to `num_frames`.

    CTC names a unit for a frame or two and is blank for the rest: each gap is halved between its neighbours.
    """
    if not len(spans):
        return spans
    borders = (spans[:-1, 1] + spans[1:, 0] + 1) // 2
    return np.stack([np.append(0, borders), np.append(borders, num_frames)], 1)


def path_log_prob(log_probs: np.ndarray, ids: np.ndarray, spans: np.ndarray) -> float:
    """Return the log-probability of the path that an alignment stands for: its units, blank in between."""
    path = np.full(len(log_probs), BLANK)
    for unit, (first, end) in zip(ids, spans, strict=True):
        path[first:end] = unit
    return float(log_probs[np.arange(len(path)), path].sum())


def _with_blanks(ids: np.ndarray) -> np.ndarray:
    whole = np.full(2 * len(ids) + 1, BLANK, np.int64)
    whole[1::2] = ids
    return whole


def _best_path(log_probs: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the place in `places` (unit, blank, unit, ...) of each frame, int64[T]."""
    count = len(places)
    may_skip = np.zeros(count, bool)  # from the unit before, without a blank between
    may_skip[3::2] = places[3::2] != places[1:-2:2]
    scores = np.full(count, -np.inf)
    scores[:2] = log_probs[0, places[:2]]
    back = np.zeros((len(log_probs), count), np.int8)
    for frame in range(1, len(log_probs)):
        ways = np.full((3, count), -np.inf)  # from the same place, the one before, the one before that
        ways[0], ways[1, 1:], ways[2, 2:] = scores, scores[:-1], scores[:-2]
        ways[2, ~may_skip] = -np.inf
        back[frame] = ways.argmax(0)
        scores = ways.max(0) + log_probs[frame, places]
    path = np.zeros(len(log_probs), np.int64)
    path[-1] = count - 1 if scores[-1] >= scores[-2] else count - 2
    for frame in range(len(log_probs) - 1, 0, -1):
        path[frame - 1] = path[frame] - back[frame, path[frame]]
    return path
