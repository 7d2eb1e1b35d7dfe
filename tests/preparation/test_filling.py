"""Groups are shared out by size: none is divided, fractions are kept, the usual ways are those of their sources."""

from __future__ import annotations

import numpy as np
import pytest

from noria.job.data import Split
from noria.preparation.filling import TEST, TRAIN, VALIDATION, filled

SIZES = [40, 20, 8, 5, 3, 2, 2, *[1] * 20]
GROUPS = np.random.default_rng(0).permutation(np.repeat(np.arange(len(SIZES), dtype=np.uint64), SIZES))


def by_deepchem(groups):
    """Divide 8:1:1 as deepchem.splits.ScaffoldSplitter does."""
    sets = {}
    for index, group in enumerate(groups):
        sets.setdefault(int(group), []).append(index)
    ordered = [one for _, one in sorted(sets.items(), key=lambda one: (len(one[1]), one[1][0]), reverse=True)]
    train, valid, test = [], [], []
    for one in ordered:
        if len(train) + len(one) > 0.8 * len(groups):
            (test if len(train) + len(valid) + len(one) > 0.9 * len(groups) else valid).extend(one)
        else:
            train += one
    return train, valid, test


def test_the_largest_first_are_divided_as_deepchem_does():
    sides, note = filled(GROUPS, Split(by="scaffold"), 0.1, 0.1)
    for side, expected in zip((TRAIN, VALIDATION, TEST), by_deepchem(GROUPS), strict=True):
        assert np.flatnonzero(sides == side).tolist() == sorted(expected)
    assert "divided by scaffold, 27 of them, the largest first" in note


@pytest.mark.parametrize("fill", ["largest_first", "balanced"])
def test_no_group_is_divided_and_fractions_are_kept(fill):
    sides, _ = filled(GROUPS, Split(by="scaffold", fill=fill), 0.1, 0.1)
    for group in np.unique(GROUPS):
        assert len(np.unique(sides[group == GROUPS])) == 1
    counts = np.bincount(sides, minlength=3) / len(GROUPS)
    np.testing.assert_allclose(counts, [0.8, 0.1, 0.1], atol=0.03)


def test_balanced_divisions_follow_their_seed_and_keep_large_groups_in_training():
    drawn = [filled(GROUPS, Split(by="scaffold", fill="balanced", seed=seed), 0.1, 0.1)[0] for seed in (0, 0, 1, 2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    assert all((sides[np.isin(GROUPS, [0, 1])] == TRAIN).all() for sides in drawn)
    tested = [set(GROUPS[sides == TEST].tolist()) for sides in drawn]
    assert any(2 <= group <= 6 for one in tested for group in one)  # not only what stands alone
