"""Scores over all events of all learners, whatever their number; an interval draws learners, not events.

logits Ragged float32 and correct Ragged int8, an event each, UNKNOWN where nobody knows. Read next: target.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import expit

from noria.contract import Metric
from noria.metrics.ranking import roc_auc
from noria.types import Arrays, Panel

UNKNOWN = 2  # of an event of which it is not said whether it went right
DECIMALS = 4  # of logits: like questions are tied, whatever batch they were asked in
AT_ONCE = 32  # weighted sets whose events are held in memory together
BEFORE = (0, 1, 5, 20, 100)  # events before one: where the rows of the panel begin


def correctness_metrics() -> Sequence[Metric]:
    """Return AUC, accuracy and log loss; training selects by the first."""
    return (
        Metric("auc", "fraction", "higher", _auc, is_ranking=True),
        Metric("accuracy", "fraction", "higher", _mean(lambda logits, is_right: (logits >= 0) == is_right)),
        Metric(
            "log_loss", "nats", "lower", _mean(lambda logits, is_right: np.logaddexp(0, -_margin(logits, is_right)))
        ),
    )


def events(output: Arrays, truth: Arrays) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return of each known event its record, its place, its logit float64 and whether it went right."""
    lengths = truth["correct"].lengths
    rows = np.repeat(np.arange(len(lengths)), lengths)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    correct, logits = truth["correct"][:].values, np.round(np.asarray(output["logits"][:].values, np.float64), DECIMALS)
    is_known = correct != UNKNOWN
    return rows[is_known], places[is_known], logits[is_known], correct[is_known] == 1


def _auc(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    rows, _, logits, is_right = events(output, truth)
    parts = [weights[start : start + AT_ONCE][:, rows] for start in range(0, len(weights), AT_ONCE)]
    return np.concatenate([roc_auc(logits, is_right, part) for part in parts])


def _mean(score: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[[Arrays, Arrays, np.ndarray], np.ndarray]:
    def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        rows, _, logits, is_right = events(output, truth)
        count = weights.shape[1]
        summed = np.bincount(rows, score(logits, is_right), count)
        with np.errstate(invalid="ignore"):
            return np.asarray((weights @ summed) / (weights @ np.bincount(rows, minlength=count)))

    return value


def _margin(logits: np.ndarray, is_right: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(is_right, 1, -1) * logits)


def by_events_before(output: Arrays, truth: Arrays) -> Panel:
    """Return how well answers are foretold by how much is known of a learner."""
    _, places, logits, is_right = events(output, truth)
    rows = []
    for low, high in zip(BEFORE, (*BEFORE[1:], np.inf), strict=True):
        own = (places >= low) & (places < high)
        if own.any():
            auc = roc_auc(logits[own], is_right[own], np.ones((1, own.sum())))[0]
            shares = is_right[own].mean(), expit(logits[own]).mean()
            rows.append([_named(low, high), int(own.sum()), *(round(float(one), 4) for one in shares),
                         None if np.isnan(auc) else round(float(auc), 4)])  # fmt: skip
    columns = ["events before", "events", "went right", "foretold", "auc"]
    return Panel("table", "By how much is known of a learner", {"columns": columns, "rows": rows})


def _named(low: int, high: float) -> str:
    return f"{low} and more" if high == np.inf else f"{low}" if high == low + 1 else f"{low} to {int(high) - 1}"
