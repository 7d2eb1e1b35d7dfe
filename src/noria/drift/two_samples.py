"""Tests of whether two samples come from one distribution: Kolmogorov-Smirnov by column, MMD of vectors.

Sources: Rabanser, Guennemann and Lipton 2019, "Failing Loudly", https://arxiv.org/abs/1810.11953: of many ways to see a
shift, univariate tests on the outputs of the model itself, with Bonferroni's correction, are the best. Gretton et al.
2012, "A Kernel Two-Sample Test", JMLR 13.
"""

from __future__ import annotations

import numpy as np

PERMUTATIONS = 400  # the least p is 1 / 401, well below the level of any one test


def kolmogorov_smirnov(one: np.ndarray, other: np.ndarray) -> tuple[float, float, int]:
    """Return statistic and p of the column that differs most, and which it is; float[n, columns], float[m, columns].

    p is that of the limiting distribution (Smirnov 1948), which is somewhat large for small samples and for ties, times
    the number of columns (Bonferroni), at most 1. It does without scipy.stats, whose import takes a second.
    """
    from scipy.special import kolmogorov

    apart = np.array([farthest(one[:, column], other[:, column]) for column in range(one.shape[1])])
    most = int(apart.argmax())  # the samples of all columns are of one size: the largest has the smallest p
    p = float(kolmogorov(np.sqrt(len(one) * len(other) / (len(one) + len(other))) * apart[most]))
    return float(apart[most]), min(1.0, one.shape[1] * p), most


def farthest(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest distance between the shares of two samples that lie below a value: Smirnov's statistic."""
    points = np.concatenate([one, other])
    below = [np.searchsorted(np.sort(sample), points, side="right") / len(sample) for sample in (one, other)]
    return float(np.abs(below[0] - below[1]).max())


def mmd(one: np.ndarray, other: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Return the squared maximum mean discrepancy of two samples of vectors, float[n, D] and float[m, D], and its p.

    The kernel is Gaussian, its width the median distance (Gretton et al. 2012, section 8), the estimate the biased one
    (equation 5), which is never below zero. p is the share of random divisions of all vectors into n and m that are at
    least as far apart, the one that was found among them.
    """
    both = np.concatenate([one, other]).astype(np.float64)
    both = (both - both.mean(0)) / np.maximum(both.std(0), 1e-9)
    squares = (both**2).sum(1)
    apart = np.maximum(squares[:, None] + squares - 2 * both @ both.T, 0)
    width = float(np.median(apart[np.triu_indices(len(both), 1)])) or 1.0
    kernel = np.exp(-apart / width)
    weights = np.concatenate([np.full(len(one), 1 / len(one)), np.full(len(other), -1 / len(other))])
    generator = np.random.default_rng(seed)
    drawn = np.stack([weights, *(generator.permutation(weights) for _ in range(PERMUTATIONS))])
    found = ((drawn @ kernel) * drawn).sum(1)
    # As far apart up to rounding: two samples without any spread are no evidence.
    return max(0.0, round(float(found[0]), 12)), float((found >= found[0] - 1e-12).mean())
