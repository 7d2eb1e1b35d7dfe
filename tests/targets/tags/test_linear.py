"""The simple model of tags: it finds names by what stands around them, and is scored as the network's answers are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from noria.contract.examples import fitted, records_like
from noria.targets.tags import linear
from noria.targets.tags.linear import _told
from noria.tasks.token_classification import TokenClassification
from noria.training.rivals.beside import rivals_of
from noria.types import Arrays, Dataset

TASK = TokenClassification()


@pytest.fixture(scope="module")
def states() -> dict:
    return fitted(TASK, records_like(TASK, 60))


def dataset_of(count: int, seed: int, states: dict) -> Dataset:
    records = records_like(TASK, count, seed)
    text = TASK.inputs["text"].encode([one["text"] for one in records], states["inputs"]["text"])
    tags = TASK.target.encode([one["tags"] for one in records], states["target"])
    assert not text.bad
    assert not tags.bad
    return Dataset({"text": text.arrays}, tags.arrays)


def test_names_are_found_and_scored_beside_the_truth(states: dict) -> None:
    train, test = dataset_of(60, 1, states), dataset_of(40, 2, states)
    ((name, scored),) = rivals_of(TASK, states, {"train": train}, test).items()
    assert name == "logistic regression of each token"
    assert scored.records == len(train)
    assert [metric.name for metric in scored.metrics[:1]] == ["f1"]
    assert scored.first == 1.0  # who went where is always told by the words beside
    assert (scored.output["right"] == scored.output["tokens"]).all()
    assert [len(one.value) for one in TASK.target.decode(scored.output, states["target"])] == [
        len(test.target["spans"][i]) for i in range(len(test))
    ]


def test_a_token_knows_its_neighbours_and_its_whole_word() -> None:
    text = "In New-York, 1999"
    first, second, third, fourth = _told(text, [0, 2, 6, 12], [2, 6, 12, 17])  # the second begins with a blank
    assert {"0=", "1=", "2=In", "3=New", "word=In", "is title"} <= set(first)
    assert {"1=In", "2=New", "3=-York,", "word=New-York,", "begins=New", "ends=rk,"} <= set(second)
    assert "word=New-York," in third
    assert {"2=1999", "3=", "word=1999", "is numeric"} <= set(fourth)


def test_no_more_tokens_are_read_than_seconds_allow(states: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    train, read, features = dataset_of(60, 1, states), [], linear._features

    def counted(arrays: Arrays, chosen: np.ndarray) -> sparse.csr_matrix:
        found = features(arrays, chosen)
        read.append(found.shape[0])
        return found

    monkeypatch.setattr(linear, "_features", counted)
    monkeypatch.setattr(linear, "MOST_TOKENS", 200)
    linear.linear_tagger(train, "text", list(TASK.target._true_tags(train)), 5)
    assert 150 < read[0] <= 200
