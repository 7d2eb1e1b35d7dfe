"""Scores with bootstrap intervals: the records drawn again with replacement, all metrics on the same draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from noria.contract import Metric
from noria.types import Arrays

CONFIDENCE = 0.95
DRAWS = 20_000_000  # resamples times records at most: about a second
LEAST_RESAMPLES = 200
BLOCK = 4_000_000  # resamples times records held at once


def measure(
    metrics: Sequence[Metric], output: Arrays, truth: Arrays, resamples: int = 1000, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Return {name: {value, low, high, unit, direction}}; value, low and high are None where there is no number.

    low and high are the 2.5th and 97.5th percentiles of the bootstrap (Efron 1979).
    """
    records = len(next(iter(output.values())))
    values = {metric.name: point(metric, output, truth) for metric in metrics}
    resamples = max(LEAST_RESAMPLES, min(resamples, DRAWS // max(1, records)))
    drawn: dict[str, list[np.ndarray]] = {metric.name: [] for metric in metrics}
    generator = np.random.default_rng(seed)
    done = 0
    while done < resamples:
        count = min(resamples - done, max(1, BLOCK // max(1, records)))
        weights = np.stack([_counts(generator, records) for _ in range(count)])
        for metric in metrics:
            drawn[metric.name].append(metric.value(output, truth, weights))
        done += count
    return {
        metric.name: {"value": values[metric.name], **_bounds(np.concatenate(drawn[metric.name]))}
        | {"unit": metric.unit, "direction": metric.direction}
        for metric in metrics
    }


def point(metric: Metric, output: Arrays, truth: Arrays) -> float | None:
    """Return a metric's value on the records as they are, None where it cannot be computed."""
    records = len(next(iter(output.values())))
    if not records:
        return None
    value = float(metric.value(output, truth, np.ones((1, records), np.float32))[0])
    return value if np.isfinite(value) else None


def _counts(generator: np.random.Generator, records: int) -> np.ndarray:
    drawn = np.bincount(generator.integers(0, records, records), minlength=records)
    return drawn.astype(np.float32)


def _bounds(values: np.ndarray) -> dict[str, float | None]:
    values = values[np.isfinite(values)]
    if not len(values):
        return {"low": None, "high": None}
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return {"low": float(low), "high": float(high)}
