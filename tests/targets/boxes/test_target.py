"""Boxes: what can be read of an answer, pixels of the picture's own size, and what is shown to people."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from noria.errors import UserError
from noria.targets.boxes.metrics import CROWD, DIFFICULT
from noria.targets.boxes.target import Boxes, mean_box, outside, same_box
from noria.types import Ragged

GOOD = [{"label": "cat", "box": [3, 5, 40.5, 20]}, {"label": "dog", "box": (0, 0, 9, 9)}]
STATE = {"labels": ["cat", "dog"]}


def encoded(value: Any) -> tuple[np.ndarray, dict[int, str]]:
    found = Boxes().encode([value], STATE)
    return found.arrays["boxes"][0], found.bad


def test_an_answer_keeps_its_boxes_and_comes_back_as_it_was() -> None:
    answers = [GOOD, [], json.dumps(GOOD[:1])]
    target = Boxes()
    assert target.fit(answers) == STATE
    found = target.encode(answers, STATE)
    assert found.bad == {}
    assert found.arrays["boxes"].lengths.tolist() == [2, 0, 1]
    assert found.arrays["boxes"][0].tolist() == [[3, 5, 40.5, 20, 0, 0], [0, 0, 9, 9, 1, 0]]
    read = target.decode_target(found.arrays, STATE)
    assert read == [[{**one, "box": [float(side) for side in one["box"]]} for one in GOOD], [], [read[0][0]]]


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ([40, 5, 3, 20], "is inverted"),
        ([3, 20, 40, 5], "is inverted"),
        ([3, 5, 3, 20], "has no area"),
        ([3, 5, 40, 5], "has no area"),
        ([3, 5, 40], "expected a label and a box"),
        ("3 5 40 20", "expected a label and a box"),
        ([3, 5, 40, "wide"], "sides of a box are numbers"),
        ([3, 5, float("nan"), 20], "finite numbers"),
        ([3, 5, float("inf"), 20], "finite numbers"),
        (None, "expected a label and a box"),
    ],
)
def test_a_box_that_is_none_is_told(box: Any, reason: str) -> None:
    row, bad = encoded([GOOD[0], {"label": "cat", "box": box}])
    assert reason in bad[0]
    assert len(row) == 0


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing"),
        ("a cat", "expected a list"),
        ([{"box": [0, 0, 1, 1]}], "expected a label and a box"),
        ([{"label": " ", "box": [0, 0, 1, 1]}], "expected a label and a box"),
        (["cat"], "expected a label and a box"),
        ([{"label": "cot", "box": [0, 0, 1, 1]}], "'cot' does not stand in the training records.*cat"),
    ],
)
def test_an_answer_that_is_none_is_told(value: Any, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(encoded(value)[1][0])


def test_boxes_marked_difficult_or_crowd_are_kept_as_not_scored() -> None:
    row, bad = encoded([{**GOOD[0], "difficult": True}, {**GOOD[0], "crowd": 1}, {**GOOD[0], "difficult": 0}])
    assert bad == {}
    assert row[:, 5].tolist() == [DIFFICULT, CROWD, 0]


def test_training_pictures_without_any_box_are_refused() -> None:
    with pytest.raises(UserError, match="no training picture has a box"):
        Boxes().fit([[], [], None])


def test_a_box_that_lies_outside_of_its_picture_is_told_and_one_that_reaches_beyond_is_not() -> None:
    answers = [
        [{"label": "cat", "box": [30, 10, 50, 20]}],  # of 40 x 30 pixels: half of it
        [{"label": "cat", "box": [31, 10, 51, 20]}],
        [],
        [{"label": "cat", "box": [0, 0, 40, 30]}, {"label": "cat", "box": [35, 35, 39, 39]}],
        [{"label": "cat", "box": [-50, -50, -10, -10]}],
    ]
    found = outside(Boxes().encode(answers, STATE).arrays, {"size": np.array([[30, 40]] * 5)})
    assert sorted(found) == [1, 3, 4]
    assert "40 x 30 pixels" in found[1]


def settled(boxes: list[Any], labels: list[int], scores: list[float], size: tuple[int, int], **settings: Any) -> Any:
    output = {
        "boxes": np.array([boxes], np.float32),
        "labels": np.array([labels]),
        "scores": np.array([scores], np.float32),
    }
    return Boxes(**settings).postprocess(output, {"image": {"size": np.array([size], np.int32)}}, STATE)


def test_answers_are_in_pixels_of_the_picture_and_end_at_its_edge() -> None:
    found = settled([[0.25, 0.5, 0.5, 1.2], [-0.1, 0, 0.1, 0.1]], [0, 1], [0.9, 0.8], (100, 400))
    np.testing.assert_allclose(found["boxes"][0], [[100, 50, 200, 100], [0, 0, 40, 10]], rtol=1e-5)
    assert found["labels"][0].tolist() == [0, 1]


def test_of_boxes_that_say_the_same_the_best_stays_and_the_unlikely_go() -> None:
    box, near, other = [0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.52], [0.6, 0.6, 0.9, 0.9]
    arguments: Any = ([box, near, near, other, other], [0, 0, 1, 1, 0], [0.9, 0.8, 0.7, 0.6, 0.001], (100, 100))
    found = settled(*arguments)
    assert found["scores"][0].tolist() == pytest.approx([0.9, 0.7, 0.6])
    assert len(settled(*arguments, overlap=0.99)["scores"][0]) == 4
    assert len(settled(*arguments, most=2)["scores"][0]) == 2


def test_a_box_outside_of_the_picture_is_no_answer() -> None:
    found = settled([[1.1, 0, 1.3, 0.5], [0.2, 0.2, 0.4, 0.4]], [0, 0], [0.9, 0.8], (10, 10))
    assert found["scores"][0].tolist() == pytest.approx([0.8])


def test_people_are_shown_boxes_from_the_threshold_on_each_with_its_confidence() -> None:
    output = settled([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]], [1, 0], [0.9, 0.3], (8, 8))
    prediction = Boxes(threshold=0.5).decode(output, STATE)[0]
    assert prediction.value == [{"label": "dog", "box": [0, 0, 4, 4], "confidence": pytest.approx(0.9)}]
    assert prediction.confidence == pytest.approx(0.9)
    both = Boxes(threshold=0.2).decode(output, STATE)[0]
    assert len(both.value) == 2
    assert both.confidence == pytest.approx(0.3)
    none = Boxes(threshold=0.95).decode(output, STATE)[0]
    assert none.value == []
    assert none.confidence is None
    json.dumps(both.as_json())
    assert Boxes().decode(output, {**STATE, "threshold": 0.2}) == [both]
    assert Boxes(threshold=0.95).decode(output, {**STATE, "threshold": 0.2}) == [none]


def test_the_trivial_answer_is_the_mean_box_of_the_most_frequent_label() -> None:
    answers = [[{"label": "dog", "box": [0, 0, 10, 10]}], [{"label": "dog", "box": [10, 20, 30, 40]}, GOOD[0]], []]
    learnt = mean_box(Boxes().encode(answers, STATE).arrays)
    assert learnt["box"].tolist() == [[5, 10, 20, 25, 1]]
    output = same_box(learnt, 3)
    assert isinstance(output["boxes"], Ragged)
    assert [one.value[0]["label"] for one in Boxes().decode(output, STATE)] == ["dog"] * 3


@pytest.mark.parametrize("wrong", [{"threshold": 1.5}, {"overlap": -0.1}, {"most": 0}, {"mosaic": 2}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=rf"boxes cannot have this {next(iter(wrong))}"):
        Boxes(**wrong)


def test_the_panels_count_what_was_taken_for_what() -> None:
    truth = Boxes().encode([[*GOOD, {"label": "dog", "box": [50, 50, 60, 60]}]], STATE).arrays
    output = settled(
        [[0.03, 0.05, 0.405, 0.2], [0.5, 0.5, 0.6, 0.6], [0.7, 0.7, 0.8, 0.8]], [0, 0, 1], [0.9, 0.8, 0.7], (100, 100)
    )
    panels = {panel.title: panel for panel in Boxes().panels(output, truth, STATE)}
    assert panels["Confusion"].data["columns"] == ["cat", "dog", "(nothing)"]
    assert panels["Confusion"].data["values"] == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]
    rows = {row[0]: row for row in panels["Each class, worst first"].data["rows"]}
    assert rows["cat"][1:3] == [1, 1.0]
    assert rows["dog"][1:3] == [2, 0.0]
    json.dumps([panel.data for panel in panels.values()], allow_nan=False)
