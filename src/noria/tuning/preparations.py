"""The data of trials: prepared once for each value that preparation depends on, and cut to a share for cheap ones.

Scores compare only where they are of the same records with the same answers: that is checked. Knows no task.
Read next: trials.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from noria.contract import Task
from noria.errors import UserError
from noria.job import Job
from noria.pipeline.prepared import Prepared
from noria.store.hashing import hash_values, share
from noria.types import Arrays, Dataset

MANY_RECORDS = 20_000  # in training: with fewer, a part of them says too little of what all teach
PART_SEED = 3  # of the draw of that part; another than of the division and of what `fit` sees

Prepare = Callable[[Job, Task], Prepared]


class Preparations:
    """The data as the job prepares it, and as settings that change that prepare it."""

    def __init__(self, own: Prepared, prepare: Prepare) -> None:
        self._own, self._prepare = own, prepare
        self._others: dict[str, Prepared] = {}

    def of(self, job: Job, task: Task, changes: Mapping[str, Any]) -> Prepared:
        """Return the data of a job that changes these settings; raise UserError where scores would not compare."""
        if not changes:
            return self._own
        key = repr(sorted(changes.items()))
        if key not in self._others:
            prepared = self._prepare(job, task)
            if not is_same_test(self._own.splits["validation"], prepared.splits["validation"]):
                raise UserError(
                    "other validation records, or other answers to them, so that no score would compare",
                    where=", ".join(f"{name}={value}" for name, value in changes.items()),
                )
            self._others[key] = prepared
        return self._others[key]


def is_same_test(ours: Dataset, theirs: Dataset) -> bool:
    """Say whether two splits hold the same records with the same answers, in one order."""
    is_same_place = len(ours) == len(theirs) and ours.wheres() == theirs.wheres()
    return is_same_place and _is_equal(ours.target, theirs.target)


def part_of(prepared: Prepared, fraction: float) -> Prepared:
    """Return the data with so much of its training records, drawn by the hashes of their places, where they are many.

    A smaller part lies within a larger one. Validation stays whole.
    """
    train = prepared.splits["train"]
    fraction = max(fraction, MANY_RECORDS / max(1, len(train)))
    if fraction >= 1 or train.window is not None:  # windows of one stream are no records apart
        return prepared
    chosen = np.flatnonzero(share(hash_values(train.wheres(), PART_SEED)) < fraction)
    return replace(prepared, splits={**prepared.splits, "train": train.select(chosen)})


def _is_equal(ours: Arrays, theirs: Arrays) -> bool:
    """Compare by hashes, which rows of unequal length have as well."""
    return ours.keys() == theirs.keys() and all(
        np.array_equal(hash_values(ours[name][:]), hash_values(theirs[name][:])) for name in ours
    )
