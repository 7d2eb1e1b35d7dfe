"""The tests of two samples: their figures by hand, their false alarms, their power."""

from __future__ import annotations

import numpy as np
from scipy.stats import ks_2samp

from noria.drift.two_samples import kolmogorov_smirnov, mmd


def test_the_column_that_differs_most_is_named_and_its_p_is_multiplied_by_the_columns() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(400, 3)), generator.normal(size=(300, 3))
    other[:, 2] += 0.5
    statistic, p, column = kolmogorov_smirnov(one, other)
    _, alone, _ = kolmogorov_smirnov(one[:, 2:], other[:, 2:])
    assert column == 2
    assert np.isclose(p, 3 * alone)
    # By definition: the largest distance of both empirical distribution functions.
    points = np.concatenate([one[:, 2], other[:, 2]])
    by_hand = max(abs((one[:, 2] <= x).mean() - (other[:, 2] <= x).mean()) for x in points)
    assert np.isclose(statistic, by_hand)


def test_the_p_of_one_column_is_near_the_exact_one() -> None:
    generator = np.random.default_rng(4)
    for shift in (0.0, 0.05, 0.1, 0.15, 0.2):
        one, other = generator.normal(size=(400, 1)), generator.normal(size=(300, 1)) + shift
        exact = ks_2samp(one[:, 0], other[:, 0], method="exact")
        statistic, p, _ = kolmogorov_smirnov(one, other)
        assert np.isclose(statistic, exact.statistic)
        assert 0.95 * exact.pvalue <= p <= 1.25 * exact.pvalue + 0.01


def test_the_statistic_of_mmd_is_the_sum_of_three_means_of_the_kernel() -> None:
    generator = np.random.default_rng(1)
    one, other = generator.normal(size=(30, 4)), generator.normal(size=(20, 4)) + 1
    both = np.concatenate([one, other])
    both = (both - both.mean(0)) / both.std(0)
    apart = ((both[:, None] - both[None]) ** 2).sum(-1)
    kernel = np.exp(-apart / np.median(apart[np.triu_indices(50, 1)]))
    by_hand = kernel[:30, :30].mean() + kernel[30:, 30:].mean() - 2 * kernel[:30, 30:].mean()
    assert np.isclose(mmd(one, other)[0], by_hand)


def test_samples_of_one_distribution_seldom_have_a_small_p_and_shifted_ones_do() -> None:
    generator = np.random.default_rng(2)
    clean = [mmd(generator.normal(size=(60, 5)), generator.normal(size=(40, 5)), seed)[1] for seed in range(60)]
    assert sum(p < 0.05 for p in clean) <= 8  # 3 are expected; more than 8 have a probability below 1 %
    shifted = generator.normal(size=(40, 5)) + 0.8
    assert mmd(generator.normal(size=(60, 5)), shifted)[1] < 0.01


def test_vectors_that_are_all_the_same_are_no_evidence() -> None:
    statistic, p = mmd(np.ones((20, 3)), np.ones((10, 3)))
    assert (statistic, p) == (0.0, 1.0)


def test_the_same_samples_have_the_same_p() -> None:
    generator = np.random.default_rng(3)
    one, other = generator.normal(size=(40, 3)), generator.normal(size=(40, 3))
    assert mmd(one, other) == mmd(one, other)
