"""The boxes that training pictures have most often, in pictures of any size."""

from __future__ import annotations

import numpy as np
import pytest

from noria.targets.boxes.metrics import CROWD
from noria.targets.boxes.target import Boxes
from noria.types import Dataset, Ragged

STATE = {"labels": ["cat", "dog"]}


def pictures(rows: list[list[tuple[float, ...]]], sizes: list[tuple[int, int]]) -> Dataset:
    boxes = Ragged.of([np.array(row, np.float32).reshape(-1, 6) for row in rows], np.float32, (6,))
    return Dataset({"image": {"size": np.array(sizes, np.int32)}}, {"boxes": boxes})


def answered(train: Dataset, asked: Dataset) -> dict:
    ((name, outputs),) = Boxes(image="image").rivals(train, STATE)
    assert name == "most frequent boxes"
    return outputs(asked)


def test_a_place_scores_by_the_pictures_that_have_a_box_there() -> None:
    left, right = (0, 0, 10, 10, 0, 0), (30, 0, 40, 20, 1, 0)
    train = pictures([[left, right], [(0, 0, 10, 11, 0, 0)], [left, left], []], [(40, 40)] * 4)
    found = answered(train, pictures([[], []], [(40, 40), (80, 20)]))
    assert found["labels"][0].tolist() == found["labels"][1].tolist() == [0, 1]
    assert found["scores"][0] == pytest.approx([3 / 4, 1 / 4])  # two boxes of one picture count once
    assert found["boxes"][0].tolist() == [[0, 0, 10, 10], [30, 0, 40, 20]]
    assert found["boxes"][1].tolist() == [[0, 0, 5, 20], [15, 0, 20, 40]]  # in shares of the picture


def test_crowds_are_not_learnt_and_nothing_learnt_answers_nothing() -> None:
    crowd = (0, 0, 10, 10, 0, CROWD)
    found = answered(pictures([[crowd], [crowd]], [(40, 40)] * 2), pictures([[]], [(40, 40)]))
    assert found["boxes"].lengths.tolist() == [0]
    assert len(Boxes(image="image").decode(found, STATE)) == 1


def test_its_answers_are_scored_and_decoded() -> None:
    train = pictures([[(0, 0, 10, 10, 0, 0)]] * 3, [(40, 40)] * 3)
    found = answered(train, train)
    metric = Boxes(image="image").metrics(STATE)[0]
    assert metric.value(found, train.target, np.ones((1, 3)))[0] == 1.0
    assert Boxes(image="image").decode(found, STATE)[0].value[0]["box"] == [0, 0, 10, 10]
