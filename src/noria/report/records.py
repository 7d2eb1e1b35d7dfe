"""One encoded record as a person looks at it: its inputs decoded back, an answer drawn on its picture.

Knows no task: modalities display, targets draw. Read next: values.py, which shows a value by its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from noria.contract import Modality, Target, dispatch
from noria.report.pictures import in_size, is_picture
from noria.types import Arrays, Dataset, State


def displayed(
    inputs: Mapping[str, Modality], states: Mapping[str, Any], dataset: Dataset, index: int
) -> dict[str, Any]:
    """Return what a person would look at of each input of a record."""
    return {
        name: dispatch.display(
            modality,
            {key: np.asarray(values[index]) for key, values in dataset.inputs[name].items()},
            states["inputs"][name],
        )
        for name, modality in inputs.items()
    }


def drawn(
    target: Target, state: State, inputs: Mapping[str, Any], encoded: Mapping[str, Arrays], answer: Any
) -> np.ndarray | None:
    """Return the record's picture, in its own size, with an answer; None where it has none or nothing can be drawn.

    `inputs` are displayed, `encoded` are the same as arrays [...].
    """
    for name, value in inputs.items():
        if is_picture(value):
            return dispatch.render(target, in_size(value, encoded[name].get("size")), answer, state)
    return None


def encoded_of(dataset: Dataset, index: int) -> dict[str, Arrays]:
    """Return the encoded inputs of one record, arrays [...]."""
    return {name: {key: values[index] for key, values in arrays.items()} for name, arrays in dataset.inputs.items()}
