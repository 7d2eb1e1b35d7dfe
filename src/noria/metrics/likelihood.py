"""How likely the true text was: from the nats, the tokens and the right tokens of each record, float[n] each."""

from __future__ import annotations

import math

import numpy as np

from noria.contract import Metric
from noria.types import Arrays, Ragged

MOST_NATS = 50.0  # a token; e^50 is as good as never


def likelihood(*, nats: str, tokens: str, right: str, num_bytes: str | None = None) -> tuple[Metric, ...]:
    """Return perplexity, mean loss and accuracy of the next token, from these arrays of the output.

    And bits per byte, where the truth holds how many each token stands for, in the array `num_bytes`.
    """

    def loss(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        return _ratio(output[nats], output[tokens], weights)

    def perplexity(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(np.minimum(loss(output, truth, weights), MOST_NATS)))

    def token_accuracy(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        return _ratio(output[right], output[tokens], weights)

    def bits_per_byte(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        assert num_bytes is not None
        return _ratio(output[nats] / math.log(2), _counts(truth[num_bytes]), weights)

    known = (
        Metric("perplexity", "per token", "lower", perplexity),
        Metric("loss", "nats per token", "lower", loss),
        Metric("token_accuracy", "fraction", "higher", token_accuracy),
    )
    return known if num_bytes is None else (*known, Metric("bits_per_byte", "bits", "lower", bits_per_byte))


def _counts(sizes: Ragged | np.ndarray) -> np.ndarray:
    """Return int64[n], the bytes of each record."""
    if isinstance(sizes, Ragged):
        ends = np.concatenate([[0], np.cumsum(sizes.values, dtype=np.int64)])
        return np.asarray(ends[sizes.offsets[1:]] - ends[sizes.offsets[:-1]])
    return np.asarray(np.asarray(sizes, np.int64).sum(1))


def _ratio(above: np.ndarray, below: np.ndarray, weights: np.ndarray) -> np.ndarray:
    weights = weights.astype(np.float64)
    whole, parts = weights @ below.astype(np.float64), weights @ above.astype(np.float64)
    return np.asarray(np.divide(parts, whole, out=np.full(len(weights), np.nan), where=whole > 0))
