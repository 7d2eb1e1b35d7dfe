"""The true answers of encoded records, as a person reads them.

A target decodes only its own outputs; the truth is read through what truth and output have in common: the same arrays,
or class numbers into the state's classes. Where neither holds the answer is unknown, and shown as a dash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from noria.contract import Target
from noria.types import Arrays


def true_answers(truth: Arrays, output_names: set[str], target: Target, state: Mapping[str, Any]) -> list[Any]:
    """Return one answer a record; None where it cannot be read."""
    if set(truth) == output_names:
        return [prediction.value for prediction in target.decode(truth, dict(state))]
    codes = class_codes(truth, state)
    if codes is None:
        return [None] * len(next(iter(truth.values())))
    classes = state["classes"]
    if codes.ndim == 1:
        return [classes[code] for code in codes]
    return [", ".join(str(classes[j]) for j in np.flatnonzero(row)) for row in codes]


def class_codes(truth: Arrays, state: Mapping[str, Any]) -> np.ndarray | None:
    """Return int[n] class numbers or bool[n, classes], where the target has classes and one array that says them."""
    if "classes" not in state or len(truth) != 1:
        return None
    values = np.asarray(next(iter(truth.values()))[:])
    if values.ndim == 1 and values.dtype.kind in "iu":
        return values
    if values.ndim == 2 and values.shape[1] == len(state["classes"]):
        return np.asarray(values > 0.5)
    return None
