"""Retrieval: places are those of a plain sort, nothing is gained by equal vectors, the pool stays whole."""

from __future__ import annotations

import numpy as np
import pytest

from noria.metrics import retrieval
from noria.metrics.retrieval import codes_of, ranks, retrieval_metrics
from noria.types import Ragged

RECORDS, DIMENSIONS = 40, 5


def drawn(noise: float = 1.0) -> tuple[dict[str, np.ndarray], dict[str, Ragged]]:
    """Vectors, matches near them, and the texts of the matches; the last ten repeat the first ten."""
    generator = np.random.default_rng(0)
    match = generator.normal(size=(RECORDS, DIMENSIONS)).astype(np.float32)
    match[-10:] = match[:10]
    vector = match + noise * generator.normal(size=match.shape).astype(np.float32)
    texts = [f"text {i if i < RECORDS - 10 else i - (RECORDS - 10)}" for i in range(RECORDS)]
    vector, match = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (vector, match))
    return {"vector": vector, "match": match}, {"ids": Ragged.of_texts(texts)}


def scores(output: dict, truth: dict, weights: np.ndarray) -> dict[str, np.ndarray]:
    return {
        metric.name: metric.value(output, truth, weights)
        for metric in retrieval_metrics("vector", "match", truth="ids")
    }


def test_a_place_is_that_in_the_sorted_list_of_all_different_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    output, truth = drawn()
    texts = truth["ids"].texts()
    pool = sorted(set(texts), key=texts.index)
    expected = []
    for i in range(RECORDS):
        similar = {text: float(output["vector"][i] @ output["match"][texts.index(text)]) for text in pool}
        expected.append(1 + sorted(pool, key=lambda text, s=similar: -s[text]).index(texts[i]))
    assert len(set(expected)) > 5
    for block in (7, 1024):
        monkeypatch.setattr(retrieval, "BLOCK", block)
        np.testing.assert_array_equal(ranks(output["vector"], output["match"], codes_of(truth["ids"])), expected)


def test_vectors_that_are_all_the_same_find_nothing() -> None:
    output, truth = drawn()
    same = {name: np.ones_like(values) for name, values in output.items()}
    found = scores(same, truth, np.ones((1, RECORDS)))
    assert found["recall_at_1"][0] == found["recall_at_10"][0] == 0
    assert found["mean_reciprocal_rank"][0] == pytest.approx(1 / 15.5)  # the middle of 30


def test_a_perfect_model_finds_all_of_them_repeated_ones_too() -> None:
    found = scores(*drawn(noise=0.0), np.ones((1, RECORDS)))
    assert {name: value[0] for name, value in found.items()} == dict.fromkeys(found, 1.0)


def test_drawing_records_again_leaves_the_pool_whole() -> None:
    output, truth = drawn()
    places = ranks(output["vector"], output["match"], codes_of(truth["ids"]))
    weights = np.random.default_rng(1).multinomial(RECORDS, np.full(RECORDS, 1 / RECORDS), size=4).astype(np.float64)
    found = scores(output, truth, weights)
    for row, counts in enumerate(weights):
        again = np.repeat(places, counts.astype(int))
        assert found["recall_at_1"][row] == pytest.approx((again == 1).mean())
        assert found["recall_at_10"][row] == pytest.approx((again <= 10).mean())
        assert found["mean_reciprocal_rank"][row] == pytest.approx((1 / again).mean())


def test_another_output_gets_its_own_scores_from_the_same_metric() -> None:
    metric = retrieval_metrics("vector", "match", truth="ids")[0]
    good, bad = (metric.value(*drawn(noise), np.ones((1, RECORDS)))[0] for noise in (0.1, 3.0))
    assert good > bad
