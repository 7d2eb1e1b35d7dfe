"""Scores with bootstrap intervals: the records drawn again with replacement, all metrics on the same draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    values = {metric.name: point(metric, output, truth) for metric in metrics}
    drawn: dict[str, list[np.ndarray]] = {metric.name: [] for metric in metrics}
    for weights in _draws(len(next(iter(output.values()))), resamples, seed):
        for metric in metrics:
            drawn[metric.name].append(metric.value(output, truth, weights))
    return {metric.name: _described(metric, values[metric.name], drawn[metric.name]) for metric in metrics}


def differences(
    pairs: Sequence[tuple[Metric, Metric]],
    ours: tuple[Arrays, Arrays],
    theirs: tuple[Arrays, Arrays],
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Return the same of each score of ours less theirs, a pair of (output, truth) each, on the same draws of records.

    What cannot be computed is left out.
    """
    values = {one.name: (point(one, *ours), point(other, *theirs)) for one, other in pairs}
    known = [(one, other) for one, other in pairs if None not in values[one.name]]
    drawn: dict[str, list[np.ndarray]] = {one.name: [] for one, _ in known}
    for weights in _draws(len(next(iter(ours[0].values()))), resamples, seed):
        for one, other in known:
            drawn[one.name].append(one.value(*ours, weights) - other.value(*theirs, weights))
    found = {}
    for one, _ in known:
        here, there = values[one.name]
        assert here is not None
        assert there is not None
        found[one.name] = _described(one, here - there, drawn[one.name])
    return found


def point(metric: Metric, output: Arrays, truth: Arrays) -> float | None:
    """Return a metric's value on the records as they are, None where it cannot be computed."""
    records = len(next(iter(output.values())))
    if not records:
        return None
    value = float(metric.value(output, truth, np.ones((1, records), np.float32))[0])
    return value if np.isfinite(value) else None


def _draws(records: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield weights float32[r, n], as many rows in all as there are resamples: how often each record was drawn."""
    resamples = max(LEAST_RESAMPLES, min(resamples, DRAWS // max(1, records)))
    generator = np.random.default_rng(seed)
    block = max(1, BLOCK // max(1, records))
    for done in range(0, resamples, block):
        yield np.stack([_counts(generator, records) for _ in range(min(resamples - done, block))])


def _described(metric: Metric, value: float | None, drawn: list[np.ndarray]) -> dict[str, Any]:
    return {"value": value, **_bounds(np.concatenate(drawn)), "unit": metric.unit, "direction": metric.direction}


def _counts(generator: np.random.Generator, records: int) -> np.ndarray:
    drawn = np.bincount(generator.integers(0, records, records), minlength=records)
    return drawn.astype(np.float32)


def _bounds(values: np.ndarray) -> dict[str, float | None]:
    values = values[np.isfinite(values)]
    if not len(values):
        return {"low": None, "high": None}
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return {"low": float(low), "high": float(high)}
