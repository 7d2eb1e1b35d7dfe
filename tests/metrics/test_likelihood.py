"""Perplexity and its kin: sums over records, so weights are repetitions, and bytes make vocabularies comparable."""

from __future__ import annotations

import math

import numpy as np
import pytest

from noria.metrics.likelihood import MOST_NATS, likelihood
from noria.types import Arrays, Ragged

METRICS = {
    metric.name: metric for metric in likelihood(nats="nats", tokens="tokens", right="right", num_bytes="_bytes")
}
OUTPUT: Arrays = {
    "nats": np.array([2.0, 9.0, 1.0]),
    "tokens": np.array([2.0, 3.0, 1.0]),
    "right": np.array([1.0, 0, 1]),
}
TRUTH: Arrays = {"_bytes": Ragged.of([[3, 1], [2, 2, 0], [1]], np.uint8)}
ONES = np.ones((1, 3), np.float32)


def value(name: str, weights: np.ndarray = ONES, output: Arrays = OUTPUT, truth: Arrays = TRUTH) -> np.ndarray:
    return METRICS[name].value(output, truth, weights)


def test_each_score_is_a_ratio_of_sums() -> None:
    assert value("loss")[0] == pytest.approx(12 / 6)
    assert value("perplexity")[0] == pytest.approx(math.exp(2))
    assert value("token_accuracy")[0] == pytest.approx(2 / 6)
    assert value("bits_per_byte")[0] == pytest.approx(12 / math.log(2) / 9)


@pytest.mark.parametrize("name", METRICS)
def test_a_weight_is_so_many_repetitions(name: str) -> None:
    drawn = np.array([0, 0, 2])
    counts = np.array([[2, 0, 1], [1, 1, 1]], np.float32)
    repeated = {key: one[drawn] for key, one in OUTPUT.items()}
    again = value(name, ONES, repeated, {"_bytes": TRUTH["_bytes"][drawn]})
    found = value(name, counts)
    assert found.shape == (2,)
    assert found[0] == pytest.approx(again[0])
    assert found[1] == pytest.approx(value(name)[0])


def test_a_model_that_knows_nothing_has_the_perplexity_of_its_vocabulary() -> None:
    tokens = np.array([5.0, 7.0])
    output = {"nats": tokens * math.log(259), "tokens": tokens, "right": tokens * 0}
    truth = {"_bytes": Ragged.of([[1] * 5, [1] * 7], np.uint8)}
    ones = np.ones((1, 2), np.float32)
    assert value("perplexity", ones, output, truth)[0] == pytest.approx(259)
    assert value("bits_per_byte", ones, output, truth)[0] == pytest.approx(math.log2(259))


def test_windows_of_equal_length_count_like_rows_of_any_length() -> None:
    rows = [[3, 1], [2, 2], [1, 1]]
    found = value("bits_per_byte", truth={"_bytes": np.array(rows, np.uint8)})
    assert found == pytest.approx(value("bits_per_byte", truth={"_bytes": Ragged.of(rows, np.uint8)}))
    many = np.full((1, 600), 200, np.uint8)  # more than a byte can count
    output = {name: one[:1] for name, one in OUTPUT.items()}
    assert value("bits_per_byte", ONES[:, :1], output, {"_bytes": many})[0] == pytest.approx(2 / math.log(2) / 120_000)


def test_what_cannot_be_divided_is_no_number_and_what_is_hopeless_stays_finite() -> None:
    nothing = {name: np.zeros(1) for name in OUTPUT}
    for name in METRICS:
        assert np.isnan(value(name, ONES[:, :1], nothing, {"_bytes": Ragged.of([[]], np.uint8)})).all()
    output = {"nats": np.array([1e6]), "tokens": np.ones(1), "right": np.zeros(1)}
    assert value("perplexity", ONES[:, :1], output)[0] == pytest.approx(math.exp(MOST_NATS))
    no_bytes = {"_bytes": Ragged.of([[0]], np.uint8)}
    assert np.isnan(value("bits_per_byte", ONES[:, :1], {name: one[:1] for name, one in OUTPUT.items()}, no_bytes)[0])
