"""Precision, recall and F1 of labelled stretches, checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from noria.targets.tags.metrics import span_metrics
from noria.text.entity_spans import decode_bio
from noria.types import Ragged

LABELS = ["LOC", "MISC", "PER"]


def stretches(sentences):
    rows = [[(a, b, LABELS.index(label)) for a, b, label in decode_bio(tags.split())] for tags in sentences]
    values = np.array([one for row in rows for one in row], np.int32).reshape(-1, 3)
    return Ragged(values, np.cumsum([0, *map(len, rows)]))


def scores(given, true, weights=None):
    right, tokens = ([4.0, 3.0, 3.0, 3.0], [7.0, 3.0, 3.0, 3.0])
    output = {"spans": stretches(given), "right": np.array(right[: len(true)]), "tokens": np.array(tokens[: len(true)])}
    weights = np.ones((1, len(true))) if weights is None else np.array([weights], float)
    return {
        metric.name: float(metric.value(output, {"spans": stretches(true)}, weights)[0])
        for metric in span_metrics(len(LABELS))
    }


TRUE = ["O O O B-MISC I-MISC I-MISC O", "B-PER I-PER O"]


def test_the_example_of_seqeval_scores_as_seqeval_says():
    found = scores(["O O B-MISC I-MISC I-MISC I-MISC O", "B-PER I-PER O"], TRUE)
    assert list(found) == ["f1", "precision", "recall", "f1_macro", "token_accuracy"]
    assert found["f1"] == found["precision"] == found["recall"] == found["f1_macro"] == 0.5
    assert found["token_accuracy"] == 0.7


def test_a_wrong_label_is_a_stretch_too_many_and_one_too_few():
    found = scores(["O O O B-LOC I-LOC I-LOC O", "B-PER I-PER B-PER"], TRUE)
    assert found["precision"] == pytest.approx(1 / 3)
    assert found["recall"] == pytest.approx(1 / 2)
    assert found["f1"] == pytest.approx(2 / 5)
    assert found["f1_macro"] == pytest.approx((0 + 0 + 2 / 3) / 3)  # LOC was given, so it counts


def test_two_stretches_side_by_side_are_not_one():
    assert scores(["B-PER I-PER", "O"], ["B-PER B-PER", "O"])["f1"] == 0.0


def test_nothing_found_scores_nothing():
    found = scores(["O O O O O O O", "O O O"], TRUE)
    assert [found[name] for name in ("f1", "precision", "recall", "f1_macro")] == [0.0] * 4


def test_a_record_drawn_twice_counts_twice():
    given = ["O O B-MISC I-MISC I-MISC I-MISC O", "B-PER I-PER O"]
    assert scores(given, TRUE, [1, 3])["f1"] == scores([given[0]] + [given[1]] * 3, [TRUE[0]] + [TRUE[1]] * 3)["f1"]
    assert scores(given, TRUE, [0, 2])["f1_macro"] == 1.0  # MISC stands nowhere
