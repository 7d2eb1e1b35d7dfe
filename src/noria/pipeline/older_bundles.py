"""Bundles of an older format, in today's words: the names of their weights and of what their baseline learnt.

    format 2    until 0.1: other names of weights
    format 3    in early ones a linear part held the share of the network's answer itself

tests/golden holds one of each task. Read next: bundle.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OLDEST = 2
BASELINE = {"sure": "confidence"}  # arrays of a baseline until format 2, and what they are called now
WEIGHTS = {  # beginnings of names, and what they are now
    "repeats.": "pair_features.",
    "linear.share": "mixture.share",
    "linear.sharpness": "mixture.sharpness",
    "linear.": "mixture.parts.linear.",
}


def weights_today(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return weights by their names of today."""
    found = {_renamed(name): value for name, value in weights.items()}
    if (share := found.get("mixture.share")) is not None and not share.ndim:
        found["mixture.share"] = share.new_tensor([float(share), 1 - float(share)])
    return found


def baseline_today(baseline: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored baseline by its names of today."""
    return {BASELINE.get(name, name): value for name, value in baseline.items()}


def _renamed(name: str) -> str:
    for old, new in WEIGHTS.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name
