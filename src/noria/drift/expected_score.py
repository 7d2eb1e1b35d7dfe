"""The score to be expected of answers whose truth is not known, from how sure they are.

How well answers score that are as sure is told by the calibration split: its records in bands of equal size, from the
least sure to the surest, and the mean score of each. Of numbers, the bands are of the number that is answered. It holds
as long as an answer that is as sure is right as often: a shift that makes a model sure of what is wrong is not seen.
Source: the idea of confidence-based performance estimation (NannyML, CBPE), and Garg et al. 2022, "Leveraging Unlabeled
Data to Predict Out-of-Distribution Performance", https://arxiv.org/abs/2201.04234.
"""

from __future__ import annotations

import numpy as np

from noria.drift.assessment import Estimate
from noria.metrics.shares import CONFIDENCE, wilson
from noria.pipeline.observations import Observations

MOST_BANDS, LEAST_BAND = 20, 30  # bands, and records of each
LEAST_OF_CLASS = 300  # with bands of its own: of fewer they are so wide that they see no loss of sureness within
OTHERS = -2  # stands for the classes that are seldom answered; -1 is no class
LEAST_RECORDS = 30  # below which no score is told


def mean_score(scores: np.ndarray) -> Estimate | None:
    """Return the mean of scores float[n], NaN left out, with its interval; None of fewer than are worth one."""
    known = scores[np.isfinite(scores)]
    if len(known) < LEAST_RECORDS:
        return None
    mean, n = float(known.mean()), len(known)
    if np.isin(known, (0.0, 1.0)).all():
        return Estimate(mean, *wilson(mean, n), n)
    return _with_interval(mean, float(known.var(ddof=1)) / n, n, known)


def expected_score(before: Observations, scores: np.ndarray, window: Observations) -> Estimate | None:
    """Return the mean score to be expected of a window; `scores` are those of the records of calibration.

    Each class that is answered often enough has bands of its own: to be as sure of one class may mean another thing
    than of another. The variance is that of both samples: of the bands' means, and of which bands the new answers fall
    into.
    """
    known, told = np.isfinite(scores) & np.isfinite(before.guide), np.isfinite(window.guide)
    guide, scores, now = before.guide[known], scores[known], window.guide[told]
    if len(scores) < LEAST_RECORDS or len(now) < LEAST_RECORDS:
        return None
    own, new = _bands(guide, before.answers[known], now, window.answers[told])
    sizes = np.bincount(own)
    means = np.bincount(own, scores) / sizes
    # A band of scores that are all alike is not without spread: half a record each way, as of Wilson's interval.
    spreads = np.bincount(own, (scores - means[own]) ** 2, minlength=len(sizes)) / sizes + scores.var() / sizes
    shares = np.bincount(new, minlength=len(sizes)) / len(now)
    variance = float((shares**2 * spreads / sizes).sum() + means[new].var() / len(now))
    return _with_interval(float(shares @ means), variance, len(now), scores)


def _bands(
    guide: np.ndarray, answers: np.ndarray, now: np.ndarray, answers_now: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the band of each record of calibration and of now; each band has one of calibration."""
    names, counts = np.unique(answers, return_counts=True)
    often = names[counts >= LEAST_OF_CLASS]
    seldom = OTHERS if len(often) < len(names) else names[counts.argmax()]  # what is never answered has no bands
    answers, answers_now = (np.where(np.isin(one, often), one, seldom) for one in (answers, answers_now))
    own, new, first = np.zeros(len(guide), np.int64), np.zeros(len(now), np.int64), 0
    for name in np.unique(answers):
        is_own, is_new = answers == name, answers_now == name
        count = int(np.clip(is_own.sum() // LEAST_BAND, 1, MOST_BANDS))
        edges = np.unique(np.quantile(guide[is_own], np.linspace(0, 1, count + 1)[1:-1], method="lower"))
        edges = edges[edges < guide[is_own].max()]  # each band ends with a record, so that none is empty
        own[is_own] = first + np.searchsorted(edges, guide[is_own])
        new[is_new] = first + np.searchsorted(edges, now[is_new])
        first += len(edges) + 1
    return own, new


def _with_interval(mean: float, variance: float, n: int, scores: np.ndarray) -> Estimate:
    """Return a mean with its interval; no mean of shares is below 0 or above 1, and none of errors below 0."""
    from scipy.special import ndtri

    half = float(ndtri((1 + CONFIDENCE) / 2)) * float(np.sqrt(variance))
    least = 0.0 if scores.min() >= 0 else -np.inf
    most = 1.0 if scores.min() >= 0 and scores.max() <= 1 else np.inf
    return Estimate(mean, max(least, mean - half), min(most, mean + half), n)
