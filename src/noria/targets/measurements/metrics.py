"""Scores of several numbers: means over the columns, each in its own spread, so that no unit outweighs another.

numbers float[n, columns], standardised by training; truths are NaN where nothing is known. Read next: target.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from noria.contract import Metric
from noria.types import Arrays, Panel

POINTS_SHOWN = 500  # of all columns together
COLUMNS = ["number", "records", "rmse", "mae", "r2"]
Each = Callable[[Arrays, Arrays, np.ndarray], np.ndarray]  # -> float[columns, R], NaN where too little is known


def measurements_metrics() -> Sequence[Metric]:
    """Return the scores; training selects on the first."""
    return (
        Metric("rmse_macro", "spreads of training", "lower", _mean_of(rmse_of_each)),
        Metric("mae_macro", "spreads of training", "lower", _mean_of(mae_of_each)),
        Metric("r2_macro", "fraction", "higher", _mean_of(r2_of_each)),
    )


def rmse_of_each(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    """Return the root of the mean squared error of each column, float[columns, R]."""
    return np.asarray(np.sqrt(_mean(_errors(output, truth) ** 2, truth, weights)))


def mae_of_each(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    """Return the mean absolute error of each column, float[columns, R]."""
    return _mean(np.abs(_errors(output, truth)), truth, weights)


def r2_of_each(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    """Return the share of the variance of each column that is explained, float[columns, R]."""
    given = np.nan_to_num(truth["measurements"]).astype(np.float64)
    spread = _mean(given**2, truth, weights) - _mean(given, truth, weights) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = 1 - _mean(_errors(output, truth) ** 2, truth, weights) / spread
    return np.asarray(np.where(spread > 0, explained, np.nan))


def measurements_panels(output: Arrays, truth: Arrays, names: Sequence[str], spreads: np.ndarray) -> list[Panel]:
    """Return a table with a row for each number, in its own unit, and truths against answers in spreads."""
    ones, known = np.ones((1, len(truth["measurements"]))), ~np.isnan(truth["measurements"])
    scores = [one(output, truth, ones)[:, 0] for one in (rmse_of_each, mae_of_each, r2_of_each)]
    errors = np.array(scores[:2]) * spreads
    rows = [
        [name, int(known[:, i].sum()), *map(_short, (errors[0, i], errors[1, i], scores[2][i]))]
        for i, name in enumerate(names)
    ]
    table = Panel("table", "Each number", {"columns": COLUMNS, "rows": rows}, "Errors in the unit of each.")
    most = max(1, POINTS_SHOWN // len(names))
    points = {name: _points(output, truth, i, most) for i, name in enumerate(names) if known[:, i].any()}
    data = {"x": "truth", "y": "answer", "points": points, "diagonal": True}
    note = "In spreads of the training answers, from their mean. A perfect model puts every record on the diagonal."
    return [table, Panel("curve", "Truth and answer", data, note)]


def _points(output: Arrays, truth: Arrays, column: int, most: int) -> list[list[float]]:
    rows = np.flatnonzero(~np.isnan(truth["measurements"][:, column]))
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int)]
    pairs = zip(
        truth["measurements"][rows, column].tolist(), output["measurements"][rows, column].tolist(), strict=True
    )
    return [[float(f"{x:.5g}"), float(f"{y:.5g}")] for x, y in pairs]


def _errors(output: Arrays, truth: Arrays) -> np.ndarray:
    errors = np.asarray(output["measurements"], np.float64) - truth["measurements"]
    return np.asarray(np.nan_to_num(errors))


def _mean(values: np.ndarray, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    """Return the mean of what is known float[columns, R] of values float[n, columns]; NaN where nothing is."""
    known = ~np.isnan(truth["measurements"])
    total, count = weights @ (values * known), weights @ known
    return np.asarray(np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0).T)


def _mean_of(each: Each) -> Each:
    """Return the mean over the columns float[R]; NaN where none has a score."""

    def score(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        found = each(output, truth, weights)
        count = (~np.isnan(found)).sum(0)
        return np.asarray(np.divide(np.nansum(found, 0), count, out=np.full(len(count), np.nan), where=count > 0))

    return score


def _short(value: float) -> float | None:
    return None if np.isnan(value) else float(f"{value:.4g}")
