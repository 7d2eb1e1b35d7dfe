"""Validation where test is named by values of a column: it has whole values too, as people whom training does not see.

A model that is tested on new people and validated on known ones would be chosen by what it remembers of them. Read
next: division.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from noria.job.data import Split
from noria.store.hashing import hash_values, mixed
from noria.types import Rows, Values

MOST_HELD = 0.25  # of what is outside of test; where more is asked for, so much of that:
MOST_OF_ASKED = 1.5
LEAST_OF_ASKED = 0.5  # with less, validation is divided record by record
SHOWN_VALUES = 12
TRAIN, VALIDATION = 0, 1  # as in division.py; -1: the source says nothing


class WholeValues:
    """Which records validation has, if it is to have whole values of a column.

    Only values that the job does not name are held out, and none of which a record is equal to, or belongs together
    with, one of another value. `classes`: of a chunk's records, where each has one; each class stays in training, and
    validation has several.
    """

    def __init__(self, split: Split, classes: Callable[[Rows], Values] | None) -> None:
        is_otherwise = split.group or split.block or split.order or split.by or split.folds
        is_said = "test" in split.values and "validation" not in split.values
        self._column = split.column if is_said and not is_otherwise and split.validation else None
        self._split, self._classes = split, classes
        self._names: dict[int, str] = {}
        self._values_of: list[np.ndarray] = []
        self._classes_of: list[np.ndarray] = []

    def see(self, rows: Rows) -> None:
        """Take the records of a chunk."""
        if self._column is None:
            return
        said = ["" if value is None else str(value).strip() for value in rows.columns[self._column]]
        hashes = hash_values(said)
        self._names.update(zip(hashes.tolist(), said, strict=True))
        self._values_of.append(hashes)
        known = self._classes(rows) if self._classes else None
        self._classes_of.append(hashes * 0 if known is None else hash_values(known))

    def held(self, stated: np.ndarray, hashes: np.ndarray) -> tuple[np.ndarray | None, str]:
        """Return bool[n], the records held out for validation, and a sentence on them.

        stated int8[n]: what the source says of each record. hashes uint64[n]: equal for what must stay together. None
        and nothing where the job does not ask for it, or no values can be spared.
        """
        ours = stated <= TRAIN
        if self._column is None or not ours.any() or (stated == VALIDATION).any():
            return None, ""
        values = np.concatenate(self._values_of)
        taken = self._chosen(values[ours], np.concatenate(self._classes_of)[ours], hashes[ours], stated[ours] < TRAIN)
        if not len(taken):
            return None, ""
        names = sorted(self._names[int(one)] for one in taken)
        named = ", ".join(names[:SHOWN_VALUES]) + (", ..." if len(names) > SHOWN_VALUES else "")
        return ours & np.isin(values, taken), (
            f"validation has whole values of {self._column}, as test has: {named}; data.split.values names others, "
            "data.split.block=1 divides record by record"
        )

    def _chosen(self, values: np.ndarray, classes: np.ndarray, hashes: np.ndarray, is_free: np.ndarray) -> np.ndarray:
        """Return the hashes of the values that are held out, drawn by the seed; none where they are too little.

        All [n], of the records outside of test; is_free: those that the job does not name.
        """
        different, of_value = np.unique(values, return_inverse=True)
        _, of_class = np.unique(classes, return_inverse=True)
        in_training = np.bincount(of_class)
        in_validation = np.zeros_like(in_training)
        rows = np.split(np.argsort(of_value, kind="stable"), np.cumsum(np.bincount(of_value))[:-1])
        mingled = set(of_value[_is_shared(hashes, of_value)].tolist())
        total, asked = len(values), self._split.validation
        most = total * max(MOST_HELD, MOST_OF_ASKED * asked)
        taken = []
        for at in np.argsort(hash_values(different, self._split.seed)).tolist():
            own = np.bincount(of_class[rows[at]], minlength=len(in_training))
            is_enough = in_validation.sum() >= asked * total
            if is_enough and (np.count_nonzero(in_validation) > 1 or len(in_training) == 1):
                break
            can_be_spared = (in_training - own > 0).all() and in_validation.sum() + own.sum() <= most
            if can_be_spared and at not in mingled and is_free[rows[at]].all() and self._names[int(different[at])]:
                taken.append(at)
                in_training, in_validation = in_training - own, in_validation + own
        is_fair = np.count_nonzero(in_validation) > 1 or len(in_training) == 1
        is_enough = in_validation.sum() >= LEAST_OF_ASKED * asked * total
        return np.asarray(different[taken if is_fair and is_enough else []])


def _is_shared(hashes: np.ndarray, of_value: np.ndarray) -> np.ndarray:
    """Return bool[n]: the records whose hash stands at several values."""
    _, once = np.unique(mixed(hashes ^ mixed(of_value.astype(np.uint64))), return_index=True)  # of each pair
    different, counts = np.unique(hashes[once], return_counts=True)
    return np.asarray(np.isin(hashes, different[counts > 1]))
