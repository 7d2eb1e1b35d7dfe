"""A linear model that a target has fitted itself: see FitsLinear in target_capabilities.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LinearFit:
    """A linear model that has learnt: weight float32[features, answers], bias float32[answers]; its name."""

    weight: np.ndarray
    bias: np.ndarray
    name: str
