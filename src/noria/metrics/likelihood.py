"""How likely the true text was: from `nats` float[n], `tokens` float[n] and `right` float[n] of each record."""

from __future__ import annotations

import math

import numpy as np

from noria.contract import Metric
from noria.types import Arrays, Ragged

MOST_NATS = 50.0  # a token; e^50 is as good as never


def likelihood() -> tuple[Metric, ...]:
    """Return perplexity, mean loss, accuracy of the next token and bits per byte; the truth's `_bytes` are needed."""
    return (
        Metric("perplexity", "per token", "lower", _perplexity),
        Metric("loss", "nats per token", "lower", _loss),
        Metric("token_accuracy", "fraction", "higher", _token_accuracy),
        Metric("bits_per_byte", "bits", "lower", _bits_per_byte),
    )


def _loss(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    return _ratio(output["nats"], output["tokens"], weights)


def _perplexity(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(np.minimum(_loss(output, truth, weights), MOST_NATS)))


def _token_accuracy(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    return _ratio(output["right"], output["tokens"], weights)


def _bits_per_byte(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    sizes = truth["_bytes"]
    if isinstance(sizes, Ragged):
        ends = np.concatenate([[0], np.cumsum(sizes.values, dtype=np.int64)])
        counts = ends[sizes.offsets[1:]] - ends[sizes.offsets[:-1]]
    else:
        counts = np.asarray(sizes, np.int64).sum(1)
    return _ratio(output["nats"] / math.log(2), counts, weights)


def _ratio(above: np.ndarray, below: np.ndarray, weights: np.ndarray) -> np.ndarray:
    weights = weights.astype(np.float64)
    whole, parts = weights @ below.astype(np.float64), weights @ above.astype(np.float64)
    return np.asarray(np.divide(parts, whole, out=np.full(len(weights), np.nan), where=whole > 0))
