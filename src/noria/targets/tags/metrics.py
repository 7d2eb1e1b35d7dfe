"""How well labelled stretches of text are found: a stretch is right where start, end and label all are.

Precision, recall and F1 are those of conlleval (Tjong Kim Sang and Buchholz 2000) and of seqeval's default mode:
counted over all stretches, `f1_macro` the mean over labels; what cannot be divided is 0.
"""

from __future__ import annotations

import numpy as np

from noria.contract import Metric
from noria.types import Arrays, Ragged


def span_metrics(labels: int) -> tuple[Metric, ...]:
    """Return the scores of `spans` of the output beside `spans` of the truth: Ragged int [n, (start, end, label)].

    Token accuracy is `right` / `tokens` of the output, float[n].
    """

    def counted(score: str) -> Metric:
        def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
            hits, given, true = (weights.astype(np.float64) @ one for one in span_counts(output, truth, labels))
            if score == "f1_macro":
                return _ratio((_ratio(2 * hits, given + true)).sum(1), (given + true > 0).sum(1))
            hits, given, true = hits.sum(1), given.sum(1), true.sum(1)
            return {
                "f1": _ratio(2 * hits, given + true),
                "precision": _ratio(hits, given),
                "recall": _ratio(hits, true),
            }[score]

        return Metric(score, "fraction", "higher", value)

    accuracy = Metric("token_accuracy", "fraction", "higher", _token_accuracy)
    return (*map(counted, ("f1", "precision", "recall", "f1_macro")), accuracy)


def span_counts(output: Arrays, truth: Arrays, labels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return int[n, labels] three times: stretches that are right, that were given, and that are true."""
    given, true = _sets(output["spans"]), _sets(truth["spans"])
    both = [one & other for one, other in zip(given, true, strict=True)]
    hits, found, there = (
        np.array([np.bincount([span[2] for span in one], minlength=labels) for one in sets]).reshape(-1, labels)
        for sets in (both, given, true)
    )
    return hits, found, there


def _sets(spans: Ragged) -> list[set[tuple[int, ...]]]:
    return [set(map(tuple, spans[i].tolist())) for i in range(len(spans))]


def _token_accuracy(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    weights = weights.astype(np.float64)
    return _ratio(weights @ output["right"], weights @ output["tokens"])


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    below = np.asarray(below, np.float64)
    return np.asarray(np.divide(above, below, out=np.zeros(below.shape), where=below > 0))
