"""Scores with intervals of 95 %: the records drawn again with replacement, all metrics on the same draws.

Records of one group (a patient, a conversation) are drawn together. A share has Wilson's interval, which needs no draws
(shares.py); a score that chance alone lifts, as a calibration error, is corrected for that. benchmarks/coverage.py
measures how often each holds the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from noria.contract import Metric
from noria.metrics.shares import CONFIDENCE, share_interval, t_quantile, wilson
from noria.types import Arrays

DRAWS = 20_000_000  # resamples times records at most: about a second
LEAST_RESAMPLES = 200
BLOCK = 4_000_000  # resamples times records held at once
UNTOLD = "cannot be told"
LEAST_UNITS = 10  # records, or groups of them, below which no interval holds what it says


@dataclass(frozen=True)
class Units:
    """What is drawn: `count` records, or groups of them, whose codes by record are `groups`, int[records]."""

    records: int
    groups: np.ndarray | None = None

    @classmethod
    def of(cls, records: int, groups: np.ndarray | None) -> Units:
        """Return the units of records whose group has a number, of any kind, each."""
        if groups is None:
            return cls(records)
        codes = np.unique(groups, return_inverse=True)[1]
        return cls(records, None if codes.max(initial=-1) + 1 == records else codes)

    @property
    def count(self) -> int:
        return self.records if self.groups is None else int(self.groups.max()) + 1

    @property
    def too_few(self) -> str:
        """Say why there is no interval; nothing where there is one."""
        if self.count >= LEAST_UNITS:
            return ""
        said = f"n = {self.count}" if self.groups is None else f"{self.count} group" + "s" * (self.count != 1)
        return f"{said}: too few for an interval"

    def draws(self, resamples: int, seed: int) -> Iterator[np.ndarray]:
        """Yield weights float32[r, n], as many rows in all as there are resamples: how often each record was drawn."""
        resamples = max(LEAST_RESAMPLES, min(resamples, DRAWS // max(1, self.records)))
        generator = np.random.default_rng(seed)
        block = max(1, BLOCK // max(1, self.records))
        for done in range(0, resamples, block):
            yield np.stack([self._counts(generator) for _ in range(min(resamples - done, block))])

    def _counts(self, generator: np.random.Generator) -> np.ndarray:
        drawn = np.bincount(generator.integers(0, self.count, self.count), minlength=self.count).astype(np.float32)
        return drawn if self.groups is None else drawn[self.groups]


def measure(
    metrics: Sequence[Metric],
    output: Arrays,
    truth: Arrays,
    resamples: int = 1000,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> dict[str, dict[str, Any]]:
    """Return {name: {value, low, high, unit, direction}}; value, low and high are None where there is no number.

    groups[n]: records of equal ones are drawn together. A `note` says why there is no interval.
    """
    units = Units.of(_length(output), groups)
    values = {metric.name: point(metric, output, truth) for metric in metrics}
    if units.too_few:
        return {
            one.name: {**_described(one, values[one.name], None), "note": units.too_few}
            | _untold(one, values[one.name], output, truth)
            for one in metrics
        }
    known = {one.name: _share_bounds(one, output, truth, units) for one in metrics}
    drawn: dict[str, list[np.ndarray]] = {name: [] for name, bounds in known.items() if bounds is None}
    noise: dict[str, list[np.ndarray]] = {one.name: [] for one in metrics if one.noise is not None}
    for weights in units.draws(resamples, seed) if drawn else ():
        for metric in metrics:
            if metric.name in drawn:
                drawn[metric.name].append(metric.value(output, truth, weights))
            if metric.noise is not None:
                noise[metric.name].append(metric.noise(output, truth, weights))
    found = {}
    for metric in metrics:
        name, value = metric.name, values[metric.name]
        bounds = known[name]
        if name in drawn:
            bounds = _percentiles(np.concatenate(drawn[name]), units)
            if name in noise:
                bounds = _corrected(value, bounds, np.concatenate(drawn[name]), np.concatenate(noise[name]))
            elif value in (0, 1) and bounds == (value, value) and metric.unit == "fraction":
                support = units.count if metric.support is None else metric.support(output, truth)
                bounds = wilson(value, min(units.count, support)) if support else None
        found[name] = _described(metric, value, bounds) | _untold(metric, value, output, truth)
    return found


def _untold(metric: Metric, value: float | None, output: Arrays, truth: Arrays) -> dict[str, str]:
    """Return the note of a metric that has no value and knows why; else none."""
    note = "" if value is not None or metric.untold is None else metric.untold(output, truth)
    return {"note": note} if note else {}


def differences(
    pairs: Sequence[tuple[Metric, Metric]],
    ours: tuple[Arrays, Arrays],
    theirs: tuple[Arrays, Arrays],
    resamples: int = 1000,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the same of each score of ours less theirs, a pair of (output, truth) each, on the same draws of records.

    Beside the difference stand the two scores, `ours` and `theirs`. What cannot be computed is left out.
    """
    units = Units.of(_length(ours[0]), groups)
    values = {one.name: (point(one, *ours), point(other, *theirs)) for one, other in pairs}
    is_same = all(name in theirs[0] and np.array_equal(one, theirs[0][name]) for name, one in ours[0].items())
    known = [(one, other) for one, other in pairs if None not in values[one.name]]
    drawn: dict[str, list[np.ndarray]] = {one.name: [] for one, _ in known}
    for weights in units.draws(resamples, seed) if not units.too_few else ():
        for one, other in known:
            drawn[one.name].append(one.value(*ours, weights) - other.value(*theirs, weights))
    found = {}
    for one, _ in known:
        here, there = values[one.name]
        assert here is not None
        assert there is not None
        bounds = None if units.too_few else _percentiles(np.concatenate(drawn[one.name]), units)
        if bounds is not None and bounds[0] == bounds[1] and one.unit == "fraction" and not is_same:
            rare = wilson(0.0, units.count)[1]  # that none of these records shows a difference says so much of others
            bounds = max(-1.0, bounds[0] - rare), min(1.0, bounds[1] + rare)
        note = {"note": units.too_few} if units.too_few else {}
        found[one.name] = {**_described(one, here - there, bounds), "ours": here, "theirs": there, **note}
    return found


def verdict(one: dict[str, Any]) -> str:
    """Say what a difference is: better, worse, no different, or UNTOLD where there is no interval to tell it by."""
    if one["low"] is None:
        return UNTOLD
    if one["low"] <= 0 <= one["high"]:
        return "no different"
    return "better" if (one["low"] > 0) == (one["direction"] == "higher") else "worse"


def point(metric: Metric, output: Arrays, truth: Arrays) -> float | None:
    """Return a metric's value on the records as they are, None where it cannot be computed."""
    records = _length(output)
    if not records:
        return None
    value = float(metric.value(output, truth, np.ones((1, records), np.float32))[0])
    return value if np.isfinite(value) else None


def _length(output: Arrays) -> int:
    return len(next(iter(output.values())))


def _share_bounds(metric: Metric, output: Arrays, truth: Arrays, units: Units) -> tuple[float, float] | None:
    """Return the interval of a metric that is a share: a mean of zeros and ones, one a record."""
    if metric.scores is None or metric.unit != "fraction":
        return None
    scores = np.asarray(metric.scores(output, truth), np.float64)
    return share_interval(scores, units.groups) if np.isin(scores, (0, 1)).all() else None


def _percentiles(drawn: np.ndarray, units: Units) -> tuple[float, float] | None:
    """Return the percentiles of the bootstrap (Efron 1979), as far out as few units ask for.

    The bootstrap's spread is too small by sqrt(1 - 1 / n) and knows no Student's t: Hesterberg 2015, section 5.3.
    """
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return None
    count = units.count
    below = float(ndtr(-np.sqrt(count / (count - 1)) * t_quantile(count)))
    low, high = np.quantile(drawn, [below, 1 - below])
    return float(low), float(high)


def _corrected(
    value: float | None, bounds: tuple[float, float] | None, drawn: np.ndarray, noise: np.ndarray
) -> tuple[float, float] | None:
    """Return the bounds without what chance adds: to the score once, to its resamples twice.

    The lower one is nothing where the value is what chance alone gives. The value itself stays within.
    """
    if value is None or bounds is None:
        return bounds
    bias = max(0.0, float(np.nanmean(drawn)) - value)
    is_chance = value <= np.nanquantile(noise, (1 + CONFIDENCE) / 2)
    return 0.0 if is_chance else min(value, max(0.0, bounds[0] - 2 * bias)), max(value, bounds[1] - bias)


def _described(metric: Metric, value: float | None, bounds: tuple[float, float] | None) -> dict[str, Any]:
    low, high = bounds or (None, None)
    return {"value": value, "low": low, "high": high, "unit": metric.unit, "direction": metric.direction}
