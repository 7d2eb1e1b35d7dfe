"""What went right of a history: what an answer may be, what no answer may leak, scores, the simple model beside."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from noria.errors import UserError
from noria.metrics.intervals import measure
from noria.modalities.items import Items
from noria.targets.correctness import Correctness
from noria.targets.correctness.example import example_learners
from noria.targets.correctness.logistic import _before, logistic_line
from noria.targets.correctness.metrics import UNKNOWN, by_events_before, correctness_metrics
from noria.types import Dataset, Ragged, Tokens

RIGHT_WRONG = [{"item": "a", "rating": 1}, {"item": "b", "rating": 0}]
STATE = Correctness().fit([RIGHT_WRONG])


def test_an_answer_is_the_rating_of_each_event_and_one_without_a_rating_is_unknown():
    encoded = Correctness().encode([[*RIGHT_WRONG, {"item": "a"}]], STATE)

    assert encoded.arrays["correct"][0].tolist() == [1, 0, UNKNOWN]
    assert Correctness().decode_target(encoded.arrays, STATE) == [[1, 0, None]]


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([{"item": "a", "rating": 0.5}], "neither right"),
        ([{"item": "a", "rating": 2}], "neither right"),
        ([{"item": "a"}], "no event says"),
        ([], "no event says"),
        ("nonsense", "expected a list"),
    ],
)
def test_what_is_neither_right_nor_wrong_is_no_answer(history, reason: str):
    encoded = Correctness().encode([RIGHT_WRONG, history], STATE)

    assert list(encoded.bad) == [1]
    assert reason in encoded.bad[1]


@pytest.mark.parametrize("ratings", [(1, 1), (3, 5), (0, 0.5, 1)])
def test_training_needs_right_and_wrong_answers_and_no_others(ratings):
    with pytest.raises(UserError, match="right"):
        Correctness().fit([[{"item": "a", "rating": one} for one in ratings]])


def test_no_answer_is_seen_before_it_is_foretold():
    histories = [record["history"] for record in learners(1)]
    other = [{**one, "rating": 1 - one["rating"]} if place >= 2 else one for place, one in enumerate(histories[0])]
    modality = Items(asks=True)
    state = modality.fit(histories)
    torch.manual_seed(0)
    embedder = modality.embedder(state, 8).eval()
    torch.nn.init.normal_(embedder.levels.weight)

    first, second = (embedder(arrays(modality, state, one)).features[0] for one in (histories[0], other))

    question = 1 + 2 * 2  # of the first event that differs, behind the token of who it is
    assert torch.equal(first[: question + 1], second[: question + 1])
    assert not torch.equal(first[question + 1], second[question + 1])


def test_the_head_reads_questions_alone():
    head = Correctness().head(STATE, 4)
    features = torch.randn(1, 5, 4)
    changed = features.clone()
    changed[:, [0, 2, 4]] = 9

    assert head(Tokens(features))["logits"].shape == (1, 2, 1)
    assert torch.equal(head(Tokens(features))["logits"], head(Tokens(changed))["logits"])


def test_scores_are_over_events_and_intervals_over_learners():
    truth = {"correct": Ragged.of([[1, 0, UNKNOWN], [1]], np.int8)}
    output = {"logits": Ragged.of([[2, 1, -9], [0.5]], np.float32)}

    found = measure(correctness_metrics(), output, truth, 50)

    assert found["auc"]["value"] == 0.5  # of the pairs (2, 1) and (0.5, 1) one stands in order
    assert found["accuracy"]["value"] == pytest.approx(2 / 3)
    assert by_events_before(output, truth).data["rows"][0][:3] == ["0", 2, 1.0]


def test_counts_of_the_logistic_line_are_of_what_was_before():
    assert _before(np.array([1.0, 1, 1, 1]), np.array([7, 3, 7, 7])).tolist() == [0, 0, 1, 2]


def test_the_logistic_line_finds_who_knows_what_and_sees_no_answer_beforehand():
    state = Items().fit([record["history"] for record in learners(200)])
    train, test = (dataset(state, learners(200, seed)) for seed in (0, 1))

    line = logistic_line(train, "history", 6)

    scores = measure(correctness_metrics(), line(test), test.target, 20)
    assert scores["auc"]["value"] > 0.65
    flipped = {
        **test.inputs["history"],
        "levels": Ragged(3 - test.inputs["history"]["levels"][:].values, offsets(test)),
    }
    other = line(Dataset({"history": flipped}, test.target))
    first = test.inputs["history"]["items"].offsets[:-1]
    assert np.array_equal(other["logits"].values[first], line(test)["logits"].values[first])


def learners(count: int, seed: int = 0) -> list[dict]:
    return [record.fields for record in example_learners(count, seed)]


def dataset(state, records) -> Dataset:
    answers = Correctness().encode([one["correctness"] for one in records], state).arrays
    return Dataset({"history": Items().encode([one["history"] for one in records], state).arrays}, answers)


def offsets(data: Dataset) -> np.ndarray:
    return data.inputs["history"]["levels"][:].offsets


def arrays(modality: Items, state, history) -> dict[str, torch.Tensor]:
    encoded = modality.encode([history], state).arrays
    return Dataset({"history": encoded}, {}).batch(slice(None)).inputs["history"]
