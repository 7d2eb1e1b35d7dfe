"""Groups shared out by their sizes: the two ways in which scaffolds of molecules are divided in the literature.

largest_first is that of DeepChem (Wu et al. 2018, "MoleculeNet"), balanced that of chemprop (Yang et al. 2019). Which
one is meant changes a score more than most models do. Knows no molecule. Read next: division.py.
"""

from __future__ import annotations

import numpy as np

from noria.job.data import Split

TRAIN, VALIDATION, TEST = 0, 1, 2


def filled(groups: np.ndarray, split: Split, validation: float, test: float) -> tuple[np.ndarray, str]:
    """Return int8[n], the side of each record, and a sentence on it; `groups` uint64[n] are equal for one group.

    Training is filled first, then validation, each with what still fits; test has the rest. Fractions are of all.
    """
    _, first, codes, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    total = len(groups)
    room = np.array([1 - validation - test, 1 - test]) * total  # of training, and of training and validation
    if split.fill == "largest_first":
        order = np.lexsort((first, sizes))[::-1]  # of groups of one size, the later one first, as DeepChem has it
    else:
        is_large = sizes > min(validation, test) * total / 2
        drawn = np.random.default_rng(split.seed).permutation(np.argsort(first))
        order = np.concatenate([drawn[is_large[drawn]], drawn[~is_large[drawn]]])
    side_of = np.full(len(sizes), TEST, np.int8)
    taken = np.zeros(2)
    for group in order:
        fits = taken + sizes[group] <= room + 1e-6
        if fits.any():
            side = TRAIN if fits[TRAIN] else VALIDATION
            side_of[group] = side
            taken[side:] += sizes[group]
    way = "the largest first" if split.fill == "largest_first" else f"in an order drawn with seed {split.seed}"
    tested = side_of == TEST
    alone = int((sizes[tested] == 1).sum())
    note = f"divided by {split.by}, {len(sizes):,} of them, {way} (data.split.fill): of {int(tested.sum()):,} in test"
    return side_of[codes], f"{note} {alone:,} are of one record"
