"""The class numbers of encoded records, where a target has classes: what the report counts classes by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from noria.types import Arrays


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
