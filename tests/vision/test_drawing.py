"""Drawings read again: what is drawn stands where it should, in its colour, and can be read."""

from __future__ import annotations

import numpy as np
import pytest

from noria.vision.drawing import draw_boxes, draw_mask, draw_tracks, font_for, readable
from noria.vision.masks import as_png, palette

GREY = np.full((300, 600, 3), 128, np.uint8)
LABELS = ["cat", "dog", "heron"]


def extent(picture, colour, below=300):
    """Left, top, right and bottom of the pixels of a colour, right and bottom exclusive."""
    rows, columns = np.nonzero((picture[:below] == colour).all(-1))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("box", [[30, 100, 130, 160], [0, 0, 600, 300], [10.4, 120.6, 80, 200]])
def test_a_box_is_drawn_where_it_is(box):
    drawn = draw_boxes(GREY, [{"label": "dog", "box": box}], LABELS)
    left, top, right, bottom = extent(drawn, palette(3)[1])
    assert abs(left - box[0]) <= 1
    assert abs(right - box[2]) <= 1
    assert abs(bottom - box[3]) <= 1
    assert top <= box[1] + 1


def test_small_pictures_are_enlarged_and_their_boxes_with_them():
    drawn = draw_boxes(np.zeros((20, 40), np.uint8), [{"label": "cat", "box": [10, 5, 20, 15]}], LABELS)
    assert drawn.shape[1] == 480
    frame = (drawn == palette(3)[0]).all(-1)
    assert frame[60:180, 120:122].all()  # 12 times as large
    assert frame[178:180, 120:240].all()
    assert not frame[60:240, :119].any()


def test_words_never_hide_each_other():
    boxes = [{"label": "heron", "box": [100, 100, 300, 250], "confidence": sure} for sure in (0.3, 0.9, 0.6)]
    drawn = draw_boxes(GREY, boxes, LABELS)
    alone = draw_boxes(GREY, boxes[1:2], LABELS)
    words = (slice(70, 100), slice(100, 180))
    assert (drawn[words] == alone[words]).all()  # the surest keeps the first place


def test_classes_stand_below_with_their_numbers_and_nothing_below_where_there_is_none():
    assert draw_boxes(GREY, [], LABELS).shape == GREY.shape
    few = draw_boxes(GREY, [{"label": "cat", "box": [1, 1, 9, 9]}], LABELS)
    assert few.shape[0] > 300
    assert (few[300:] == palette(3)[0]).all(-1).any()
    assert few.shape[1:] == GREY.shape[1:]


def test_a_mask_is_blended_and_parted_by_its_colour():
    codes = np.zeros((30, 60), np.uint8)
    codes[10:20, 20:50] = 2
    drawn = draw_mask(GREY, {"png": as_png(codes, 3), "classes": LABELS})
    colours = palette(3).astype(int)
    assert np.abs(drawn[150, 300].astype(int) - (128 + colours[2]) // 2).max() <= 1
    assert np.abs(drawn[10, 10].astype(int) - (128 + colours[0]) // 2).max() <= 1
    assert extent(drawn, colours[2])[:2] == (200, 100)
    assert (drawn[300:] == colours[0]).all(-1).any()
    assert (drawn[300:] == colours[2]).all(-1).any()
    assert not (drawn[300:] == colours[1]).all(-1).any()  # a class that is not there


def test_an_identity_keeps_its_colour_from_frame_to_frame():
    first = draw_tracks(GREY, [{"frame": 1, "id": 7, "box": [10, 100, 60, 200]}])
    second = draw_tracks(
        GREY, [{"frame": 2, "id": 8, "box": [300, 100, 350, 200]}, {"frame": 2, "id": 7, "box": [20, 100, 70, 200]}]
    )
    assert tuple(first[150, 10]) == tuple(second[150, 20])
    assert tuple(second[150, 300]) != tuple(second[150, 20])
    assert first.shape == GREY.shape


def test_words_that_no_font_has_are_marked_and_others_are_not():
    assert readable("cat 0.93 ÄÖ", 14) == "cat 0.93 ÄÖ"
    assert readable("a\ufffe\U0010ffff", 14).startswith("a")
    assert "?" in readable("\U0010fffd", 14)


def test_chinese_is_drawn_with_a_font_that_has_it():
    pytest.importorskip("noto_cjk_sans_jp_regular", reason="needs a font with Chinese")
    for label in ("红细胞", "車輛 2", "行人"):
        assert readable(label, 16) == label
    one, other = (bytes(font_for("红", 16).getmask(text)) for text in "红胞")
    assert one != other
