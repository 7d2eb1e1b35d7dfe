"""Scores of several yes/no answers: a mean over the labels that have enough of both kinds, or over what is known.

logits float[n, labels] and truths float[n, labels], NaN where nothing is known. Read next: metrics/ranking.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import expit

from noria.contract import Metric, mean_metric
from noria.metrics.ranking import average_precision, roc_auc
from noria.types import Arrays

LEAST_OF_KIND = 3  # records of yes and of no below which a label says nothing of how well they are ranked
Ranking = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def labels_metrics(thresholds: Sequence[float]) -> tuple[Metric, ...]:
    """Return the scores where a label is said to hold from these probabilities on."""

    def f1_macro(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        return _mean_of_known(f1_of_each(output, truth, weights, thresholds))

    return (
        Metric("auc_macro", "fraction", "higher", _ranked(roc_auc), support=_rarest, is_ranking=True),
        Metric("ap_macro", "fraction", "higher", _ranked(average_precision), support=_rarest, is_ranking=True),
        Metric("f1_macro", "fraction", "higher", f1_macro, support=_rarest),
        mean_metric("log_loss", "nats", "lower", _log_loss),
        mean_metric("brier", "squared probability", "lower", _brier),
    )


def of_each(ranking: Ranking, output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    """Return a score of each label float[labels, R], NaN where too few records of a kind are known of it."""
    found = np.full((truth["labels"].shape[1], len(weights)), np.nan)
    for place, (logits, true) in enumerate(zip(output["labels"].T, truth["labels"].T, strict=True)):
        known = ~np.isnan(true)
        is_positive, own = true[known] == 1, np.asarray(weights[:, known], np.float64)
        is_enough = np.minimum(own @ is_positive, own @ ~is_positive) >= LEAST_OF_KIND
        if is_enough.any():
            found[place, is_enough] = ranking(logits[known].astype(np.float64), is_positive, own[is_enough])
    return found


def are_ranked(truth: Arrays) -> np.ndarray:
    """Return bool[labels]: whether enough records of both kinds are known for the means of ranks to count a label."""
    labels = np.asarray(truth["labels"])
    return np.asarray(np.minimum((labels == 1).sum(0), (labels == 0).sum(0)) >= LEAST_OF_KIND)


def f1_of_each(output: Arrays, truth: Arrays, weights: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Return F1 of each label float[labels, R], NaN where it occurs neither in truths nor in answers."""
    true, is_known = np.nan_to_num(truth["labels"]) == 1, ~np.isnan(truth["labels"])
    is_answer = (expit(output["labels"].astype(np.float64)) >= thresholds) & is_known
    hits, both = weights @ (true & is_answer), weights @ true + weights @ is_answer
    return np.asarray(np.divide(2 * hits, both, out=np.full(both.shape, np.nan), where=both > 0).T)


def _ranked(ranking: Ranking) -> Callable[[Arrays, Arrays, np.ndarray], np.ndarray]:
    return lambda output, truth, weights: _mean_of_known(of_each(ranking, output, truth, weights))


def _mean_of_known(each: np.ndarray) -> np.ndarray:
    """Return the mean over labels float[R] of float[labels, R]; NaN where no label has a score."""
    count = (~np.isnan(each)).sum(0)
    return np.asarray(np.divide(np.nansum(each, 0), count, out=np.full(each.shape[1], np.nan), where=count > 0))


def _rarest(output: Arrays, truth: Arrays) -> float:
    """Return how many records the rarer kind has, of the label that has most of it."""
    return float(np.minimum((truth["labels"] == 1).sum(0), (truth["labels"] == 0).sum(0)).max())


def _log_loss(output: Arrays, truth: Arrays) -> np.ndarray:
    """Return the mean over the known labels of each record."""
    margin = np.where(truth["labels"] == 1, 1, -1) * output["labels"].astype(np.float64)
    return _of_known(np.logaddexp(0, -margin), truth)


def _brier(output: Arrays, truth: Arrays) -> np.ndarray:
    return _of_known((expit(output["labels"].astype(np.float64)) - np.nan_to_num(truth["labels"])) ** 2, truth)


def _of_known(scores: np.ndarray, truth: Arrays) -> np.ndarray:
    is_known = ~np.isnan(truth["labels"])
    return np.asarray((scores * is_known).sum(1) / np.maximum(is_known.sum(1), 1))
