"""Scores of segments: by frames, whatever the thresholds are, and by whole segments, as they are answered.

Frames are counted by their probability, a histogram a record, so that a thousand resamples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from noria.contract import Metric
from noria.targets.segments.spans import Rule, frames_of, spans_of
from noria.types import Arrays, Panel

BINS = 400  # of the logit of a probability, from -LARGEST to LARGEST
LARGEST = 14.0
FALSE_ALARMS = 0.05  # of the frames without speech, at which misses are compared
LEAST_OVERLAP = 0.5  # intersection over union from which a segment is found

Counts = Callable[[Arrays, Arrays], np.ndarray]


def segment_metrics(hop_s: float, rule: Rule) -> Sequence[Metric]:
    """Return the scores: of frames of `hop_s` seconds, and of the segments that a rule makes of them."""

    def histograms(output: Arrays, truth: Arrays) -> np.ndarray:
        return frame_counts(output, truth, hop_s)

    def matches(output: Arrays, truth: Arrays) -> np.ndarray:
        return segment_counts(output, truth, hop_s, rule)

    return (
        Metric("frame_auc", "fraction", "higher", _of(histograms, _auc)),
        Metric("miss_at_5", "fraction of speech missed at 5 % false alarms", "lower", _of(histograms, _miss)),
        Metric("segment_f1", "fraction", "higher", _of(matches, _f1)),
    )


def _of(
    counts: Counts, score: Callable[[np.ndarray], np.ndarray]
) -> Callable[[Arrays, Arrays, np.ndarray], np.ndarray]:
    def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        found = counts(output, truth)
        summed = weights.astype(np.float64) @ found.reshape(len(found), -1)
        return score(summed.reshape(len(weights), *found.shape[1:]))

    return value


def frame_counts(output: Arrays, truth: Arrays, hop_s: float) -> np.ndarray:
    """Return int64[n, 2, BINS]: frames without and with speech by their probability, least likely first."""
    found = np.zeros((len(output["probabilities"]), 2, BINS), np.int64)
    for index in range(len(found)):
        probabilities = np.clip(np.asarray(output["probabilities"][index], np.float64), 1e-7, 1 - 1e-7)
        logits = np.log(probabilities / (1 - probabilities))
        places = np.clip(((logits / LARGEST + 1) / 2 * BINS).astype(np.int64), 0, BINS - 1)
        is_speech = frames_of(truth["spans"][index], len(places), hop_s)
        for kind in (0, 1):
            found[index, kind] = np.bincount(places[is_speech == kind], minlength=BINS)
    return found


def _auc(counts: np.ndarray) -> np.ndarray:
    """Return how often a frame of speech is thought more likely than one without, float[R]; ties count half."""
    without, with_ = counts[:, 0], counts[:, 1]
    below = np.cumsum(without, 1) - without / 2
    pairs = without.sum(1) * with_.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(pairs > 0, (with_ * below).sum(1) / pairs, np.nan))


def _miss(counts: np.ndarray) -> np.ndarray:
    """Return the fraction of speech missed where so many frames without speech are taken for it, float[R]."""
    rates = rates_of(counts)
    return np.array([np.nan if np.isnan(one).any() else np.interp(FALSE_ALARMS, one[0], one[1]) for one in rates])


def rates_of(counts: np.ndarray) -> np.ndarray:
    """Return float[R, 2, BINS + 1]: false alarms, rising, and misses at every threshold."""
    taken = np.concatenate([np.zeros((len(counts), 2, 1)), np.cumsum(counts[:, :, ::-1], 2)], 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = taken / counts.sum(2, keepdims=True)
    return np.stack([shares[:, 0], 1 - shares[:, 1]], 1)


def segment_counts(output: Arrays, truth: Arrays, hop_s: float, rule: Rule) -> np.ndarray:
    """Return int64[n, 3]: segments found right, given, and true."""
    found = np.zeros((len(output["probabilities"]), 3), np.int64)
    for index in range(len(found)):
        given = spans_of(np.asarray(output["probabilities"][index]), rule) * hop_s
        true = np.asarray(truth["spans"][index], np.float64)
        true = true[true[:, 1] > true[:, 0]]
        found[index] = num_matches(given, true), len(given), len(true)
    return found


def num_matches(given: np.ndarray, true: np.ndarray) -> int:
    """Return how many spans float[k, 2] of one list are found in the other, each once, the best ones first."""
    if not len(given) or not len(true):
        return 0
    shared = np.minimum(given[:, None, 1], true[:, 1]) - np.maximum(given[:, None, 0], true[:, 0])
    union = np.maximum(given[:, None, 1], true[:, 1]) - np.minimum(given[:, None, 0], true[:, 0])
    overlap = np.maximum(shared, 0) / union
    count = 0
    while overlap.size and overlap.max() >= LEAST_OVERLAP:
        row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
        overlap[row], overlap[:, column] = -1, -1
        count += 1
    return count


def _f1(counts: np.ndarray) -> np.ndarray:
    right, given, true = counts.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(given + true > 0, 2 * right / (given + true), np.nan))


def misses_by_alarms(output: Arrays, truth: Arrays, hop_s: float) -> Panel:
    """Return misses by false alarms, over all thresholds."""
    rates = np.nan_to_num(rates_of(frame_counts(output, truth, hop_s).sum(0, keepdims=True))[0])
    points = np.unique(rates.round(4), axis=1).T
    line = [[float(x), float(y)] for x, y in points[np.lexsort((-points[:, 1], points[:, 0]))]]
    data = {"x": "false alarms", "y": "misses", "lines": {"frames": line}}
    return Panel("curve", "Misses and false alarms", data, "Every threshold is a point; the lower left is perfect.")
