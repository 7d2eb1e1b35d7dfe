"""Boxes: what two of them share, and which of several that say the same stays."""

from __future__ import annotations

import numpy as np
import pytest

from noria.vision.boxes import distinct, ious


def test_what_boxes_share_is_counted_in_pixels() -> None:
    generator = np.random.default_rng(0)
    start = generator.integers(0, 12, (8, 2))
    boxes = np.concatenate([start, start + generator.integers(1, 12, (8, 2))], 1)
    masks = np.zeros((8, 30, 40), bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    for i in range(8):
        for j in range(8):
            shared, covered = (masks[i] & masks[j]).sum(), (masks[i] | masks[j]).sum()
            assert ious(boxes[i : i + 1], boxes[j : j + 1])[0, 0] == pytest.approx(shared / covered)


def test_the_better_of_two_boxes_of_a_label_hides_the_other() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10], [0, 0, 10, 10], [0, 2, 10, 11]])
    labels = np.array([0, 0, 0, 1, 0])
    assert distinct(boxes, labels, 0.6).tolist() == [0, 2, 3]
    assert distinct(boxes, labels, 0.8).tolist() == [0, 2, 3, 4]
    assert distinct(boxes, labels, 1.0).tolist() == [0, 1, 2, 3, 4]


def test_a_hidden_box_hides_no_other() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 6], [0, 0, 10, 3.5]])  # each shares more than half with the next
    assert distinct(boxes, np.zeros(3), 0.5).tolist() == [0, 2]


def test_no_boxes_are_none() -> None:
    assert distinct(np.zeros((0, 4)), np.zeros(0), 0.5).tolist() == []
    assert ious(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)
