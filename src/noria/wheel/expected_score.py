"""The score to be expected of answers whose truth is not known, from how sure they are.

How well answers score that are as sure is told by the calibration split: its records in bands of equal size, from the
least sure to the surest, and the mean score of each. Of numbers, the bands are of the number that is answered. It holds
as long as an answer that is as sure is right as often: a shift that makes a model sure of what is wrong is not seen.
Source: the idea of confidence-based performance estimation (NannyML, CBPE), and Garg et al. 2022, "Leveraging Unlabeled
Data to Predict Out-of-Distribution Performance", https://arxiv.org/abs/2201.04234.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from noria.metrics.shares import CONFIDENCE, wilson
from noria.wheel.assessment import Estimate

MOST_BANDS, LEAST_BAND = 20, 30  # bands, and records of each
LEAST_RECORDS = 30  # below which no score is told


def mean_score(scores: np.ndarray) -> Estimate | None:
    """Return the mean of scores float[n], NaN left out, with its interval; None of fewer than are worth one."""
    known = scores[np.isfinite(scores)]
    if len(known) < LEAST_RECORDS:
        return None
    mean, n = float(known.mean()), len(known)
    if np.isin(known, (0.0, 1.0)).all():
        return Estimate(mean, *wilson(mean, n), n)
    return _with_interval(mean, float(known.var(ddof=1)) / n, n)


def expected_score(guide: np.ndarray, scores: np.ndarray, now: np.ndarray) -> Estimate | None:
    """Return the mean score to be expected of answers with the guide `now`; guide and scores are of calibration.

    The variance is that of both samples: of the bands' means, and of which bands the new answers fall into.
    """
    known = np.isfinite(scores) & np.isfinite(guide)
    guide, scores, now = guide[known], scores[known], now[np.isfinite(now)]
    if len(scores) < LEAST_RECORDS or len(now) < LEAST_RECORDS:
        return None
    count = int(np.clip(len(scores) // LEAST_BAND, 1, MOST_BANDS))
    edges = np.unique(np.quantile(guide, np.linspace(0, 1, count + 1)[1:-1]))
    own, new = np.searchsorted(edges, guide, side="right"), np.searchsorted(edges, now, side="right")
    sizes = np.maximum(np.bincount(own, minlength=len(edges) + 1), 1)
    means = np.bincount(own, scores, minlength=len(sizes)) / sizes
    # A band of scores that are all alike is not without spread: half a record each way, as of Wilson's interval.
    spreads = np.bincount(own, (scores - means[own]) ** 2, minlength=len(sizes)) / sizes + scores.var() / sizes
    shares = np.bincount(new, minlength=len(sizes)) / len(now)
    variance = float((shares**2 * spreads / sizes).sum() + means[new].var() / len(now))
    return _with_interval(float(shares @ means), variance, len(now))


def _with_interval(mean: float, variance: float, n: int) -> Estimate:
    half = float(ndtri((1 + CONFIDENCE) / 2)) * float(np.sqrt(variance))
    return Estimate(mean, mean - half, mean + half, n)
