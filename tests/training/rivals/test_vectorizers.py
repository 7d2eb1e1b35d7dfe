"""What a linear model reads of texts, tables, pictures and series: the same alone and in a batch, each thing once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from noria.contract import dispatch
from noria.modalities.image.modality import Image
from noria.modalities.series.modality import Series
from noria.modalities.table.modality import Table
from noria.modalities.text.modality import Text
from noria.model.linear_part import LinearPart
from noria.training.rivals import vectors
from noria.types import Dataset, Features


def features_of(modality: Any, values: Any) -> tuple[Features, Dataset, torch.nn.Module]:
    state = modality.fit(values)
    data = Dataset({"x": modality.encode(values, state).arrays}, {})
    vectorizer = dispatch.vectorizer(modality, state)
    assert vectorizer is not None
    return vectorizer(data.batch(slice(0, len(data))).inputs["x"]), data, vectorizer


def dense(features: Features, size: int) -> np.ndarray:
    rows = torch.zeros(len(features.ids), size)
    return rows.scatter_add_(1, features.ids, features.values.float()).numpy()


TEXTS = ["a good film", "a bad film, a film too long by half", "good", "so good, so bad"]
ROWS = {"age": [f"{0.5 * i}" if i % 4 != 2 else "" for i in range(120)], "sex": ["m", "f", "f", None] * 30}
TEXT_ROWS = {
    "age": [f"{i * 0.7:.1f}" for i in range(120)],
    "review": [
        f"{'so good' if i % 2 else 'too bad'} and rather long, number {i} of what was written" for i in range(120)
    ],
}
PICTURES = [np.full((20 + 8 * i, 24, 3), 40 * i, np.uint8) for i in range(4)]
SERIES = [np.random.default_rng(i).normal(size=(5 + 3 * i, 2)) for i in range(4)]


READ = {
    "text with characters": (Text(characters=3), TEXTS),
    "text": (Text(), TEXTS),
    "table": (Table(), ROWS),
    "table with texts": (Table(), TEXT_ROWS),
    "image": (Image(side=16), PICTURES),
    "series": (Series(), SERIES),
}


@pytest.mark.parametrize(("modality", "values"), READ.values(), ids=READ)
def test_a_record_has_the_same_features_alone_and_beside_others(modality: Any, values: Any) -> None:
    features, data, vectorizer = features_of(modality, values)
    together = dense(features, int(vectorizer.size))  # type: ignore[arg-type]
    for i in range(4):
        alone = dense(vectorizer(data.batch(np.array([i])).inputs["x"]), int(vectorizer.size))  # type: ignore[arg-type]
        np.testing.assert_allclose(alone[0], together[i], rtol=1e-5, atol=1e-6)


def test_an_ngram_counts_once_however_often_it_stands_in_a_text() -> None:
    features, _, vectorizer = features_of(Text(tokenizer="character"), ["aaaa", "aa", "ab"])
    rows = dense(features, int(vectorizer.size))  # type: ignore[arg-type]
    assert rows.max() == 1
    assert rows[0].sum() == 3  # a, aa, aaa
    assert rows[1].sum() == 2
    assert (rows[0] * rows[1]).sum() == 2
    assert (rows[1] * rows[2]).sum() == 1


def test_a_number_reaches_its_bins_and_a_missing_one_none() -> None:
    features, _, vectorizer = features_of(Table(bins=2), {"age": [*(f"{0.5 * i}" for i in range(60)), ""]})
    rows = dense(features, int(vectorizer.size))  # type: ignore[arg-type]
    plain = int(vectorizer.plain)  # type: ignore[arg-type]
    assert plain == 2
    assert rows[60, 1] == 1
    assert not np.delete(rows[60], 1).any()
    assert (np.diff(rows[:60, plain:].sum(1)) > 0).all()
    assert rows[59, plain:].min() == pytest.approx(1)


def test_a_table_is_columns_for_trees_codes_last() -> None:
    table = Table()
    state = table.fit(ROWS)
    tabulator = dispatch.tabulator(table, state)
    assert tabulator is not None
    rows = tabulator(Dataset({"x": table.encode(ROWS, state).arrays}, {}).batch(slice(None)).inputs["x"]).numpy()
    assert tabulator.is_code == [False, True]
    assert np.isnan(rows[2, 0])
    assert len(np.unique(rows[:, 1])) == 3


def test_a_text_is_no_row_of_columns() -> None:
    text = Text()
    state = text.fit(TEXTS)
    assert dispatch.tabulator(text, state) is None


def test_of_more_records_than_are_affordable_some_are_read_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are gathered by length; the rows of their matrix stand in the order of the records, whichever are read."""
    texts = [" ".join(["good", "bad"][i % 2] + str(i) for i in range(1 + 7 * j % 20)) for j in range(90)]
    text = Text()
    state = text.fit(texts)
    data = Dataset({"x": text.encode(texts, state).arrays}, {})
    vectorizer = dispatch.vectorizer(text, state)
    assert vectorizer is not None
    part = LinearPart({"x": vectorizer}, 2)
    assert vectors.affordable(part, data) is None
    whole = vectors.feature_matrix(part, data)
    monkeypatch.setattr(vectors, "LEAST", 1)
    monkeypatch.setattr(vectors, "MOST_VALUES", whole.nnz / 3)
    chosen = vectors.affordable(part, data)
    assert chosen is not None
    assert 20 < len(chosen) < 40
    monkeypatch.setattr(vectors, "MOST_WORK", whole.nnz / 9 * 2)  # of two answers
    cheap = vectors.affordable(part, data)
    assert cheap is not None
    assert len(cheap) < len(chosen) / 2
    fewer = vectors.affordable(part, data, 5)
    assert fewer is not None
    assert len(fewer) == 5
    some = vectors.feature_matrix(part, data, chosen)
    assert (some != whole[chosen]).nnz == 0
